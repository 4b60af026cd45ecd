//! Repairs: recorded in lenient reading, errors in strict reading.

use super::error::MidiError;
use super::options::ReadMode;
use super::report::{ReadReport, Repair, RepairKind};

/// Records a repair, or returns an error in strict reading.
pub(super) fn repair(
    report: &mut ReadReport,
    kind: RepairKind,
    track: Option<u32>,
    offset: usize,
) -> Result<(), MidiError> {
    let repair = Repair { kind, track, offset: offset as u64 };
    if report.mode == ReadMode::Strict {
        return Err(MidiError::NeedsRepair(repair));
    }
    *report.repair_counts.entry(kind).or_default() += 1;
    if report.repairs.len() < ReadReport::MAX_DETAILED {
        report.repairs.push(repair);
    }
    Ok(())
}
