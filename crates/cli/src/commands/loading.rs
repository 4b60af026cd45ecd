//! Models with their styles and attributes, as several commands load them.

use controlgen::attribute::{AttributeVectors, Dial};
use controlgen::model::Model;
use controlgen::style::{StyleFolders, Styles};

use super::Context;
use crate::args::{AttributeMethodArg, StylesArgs};

/// A model with its styles.
pub(super) fn load(context: &Context, of: &StylesArgs) -> anyhow::Result<(Model, Styles)> {
    let model = context.model(of.model.as_deref())?;
    let styles = Styles::load_from(&model, folders(&model, of))?;
    Ok((model, styles))
}

/// A model with its styles, if it has any.
pub(super) fn load_if_any(
    context: &Context,
    of: &StylesArgs,
) -> anyhow::Result<(Model, Option<Styles>)> {
    let model = context.model(of.model.as_deref())?;
    let styles = Styles::load_from(&model, folders(&model, of)).ok();
    Ok((model, styles))
}

/// The folders of a model's styles. A cache may be deleted at any time, so changes to the styles of
/// the model in the program go to the user's folder.
fn folders(model: &Model, of: &StylesArgs) -> StyleFolders {
    match (&of.styles_folder, &of.model) {
        (Some(folder), _) => StyleFolders::with(model, folder),
        (None, Some(_)) => StyleFolders::of(model),
        (None, None) => StyleFolders::of_user(model),
    }
}

/// The shift of latents by some attributes; `None` without attributes.
pub(super) fn shift(
    model: &Model,
    dials: &[Dial],
    method: AttributeMethodArg,
) -> anyhow::Result<Option<Vec<f64>>> {
    if dials.is_empty() {
        return Ok(None);
    }
    Ok(Some(AttributeVectors::load(model)?.shift(dials, method.into())?))
}
