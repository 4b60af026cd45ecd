//! Opening a model with its styles, for several commands.

use controlgen::model::Model;
use controlgen::session::Session;
use controlgen::style::{StyleFolders, Styles};

use super::Context;
use crate::args::StylesArgs;

/// Opens the model of `--model`, or the one in the program, with its styles if it has any.
pub(super) fn open(context: &Context, of: &StylesArgs) -> anyhow::Result<Session> {
    let folder = Context::model_folder(of.model.as_deref())?;
    Ok(Session::open_with(&folder, &context.device()?, |model| folders(model, of))?)
}

/// A model with its styles, to be changed.
pub(super) fn load(context: &Context, of: &StylesArgs) -> anyhow::Result<(Model, Styles)> {
    Ok(open(context, of)?.into_model_and_styles()?)
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
