//! Rules for names of styles.

use super::StyleError;

/// Maximum length of a style's name, in characters.
const MAX_NAME: usize = 64;

/// Checks that a name can't be mistaken for a number, a list of styles or a path.
///
/// # Errors
/// Returns [`StyleError::Name`] if the name is invalid.
pub(super) fn check_name(name: &str) -> Result<(), StyleError> {
    let plain = |c: char| !c.is_control() && !"/\\:,*?\"<>|".contains(c);
    let fine = !name.is_empty()
        && name.chars().count() <= MAX_NAME
        && name.chars().all(plain)
        && name.trim() == name
        && !name.starts_with(['.', '-'])
        && name.parse::<f64>().is_err();
    if fine { Ok(()) } else { Err(StyleError::Name { name: name.to_owned() }) }
}
