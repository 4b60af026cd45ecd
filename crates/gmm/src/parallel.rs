//! Granularity of parallel work.

/// Floating-point operations below which a task is not worth another thread: waking one takes a few
/// microseconds, and much longer while all processors are busy.
const TASK_OPERATIONS: usize = 1 << 18;

/// Minimum number of items per task, for items of `operations` floating-point operations each.
pub(crate) fn grain(operations: usize) -> usize {
    (TASK_OPERATIONS / operations.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_items_share_a_task() {
        assert_eq!(grain(0), TASK_OPERATIONS);
        assert_eq!(grain(TASK_OPERATIONS / 4), 4);
        assert_eq!(grain(10 * TASK_OPERATIONS), 1);
    }
}
