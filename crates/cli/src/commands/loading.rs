//! Opening a model with its styles.

use controlgen::model::Model;
use controlgen::session::Session;
use controlgen::style::{StyleFolders, Styles};
use models::{is_named, model_folder};

use super::Context;
use crate::args::StylesArgs;

/// Opens the model given by `--model`, a folder or one in the program, with its styles if it has
/// any.
pub(super) fn open(context: &Context, of: &StylesArgs) -> anyhow::Result<Session> {
    let folder = model_folder(of.model.as_deref())?;
    Ok(Session::open_with(&folder, &context.device()?, |model| folders(model, of))?)
}

/// A model with its styles, for changing them.
pub(super) fn load(context: &Context, of: &StylesArgs) -> anyhow::Result<(Model, Styles)> {
    Ok(open(context, of)?.into_model_and_styles()?)
}

/// The folders of a model's styles. A cache may be deleted at any time, so changes to the styles of
/// a model in the program are stored in the user's folder.
fn folders(model: &Model, of: &StylesArgs) -> StyleFolders {
    match &of.styles_folder {
        Some(folder) => StyleFolders::with(model, folder),
        None if is_named(of.model.as_deref()) => StyleFolders::of_user(model),
        None => StyleFolders::of(model),
    }
}
