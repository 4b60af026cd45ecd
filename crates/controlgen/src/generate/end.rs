//! The ends of an interpolation.

use super::{ControlRequest, Controls, GenerateError, control_of_style, controls_of};
use crate::encode::encode_windows;
use crate::session::Session;
use crate::style::Style;

/// The source of an end of an interpolation.
#[derive(Clone, Copy, Debug)]
pub enum EndSource<'a> {
    /// The mean of a style.
    Style(&'a Style),
    /// A real window.
    Window(&'a [u16]),
    /// A latent, `[Z]`.
    Latent(&'a [f32]),
}

/// An end of an interpolation.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// Its latent, `[Z]`.
    pub z: Vec<f32>,
    /// Its meter or chords, `[C]`; empty for a model without.
    pub control: Vec<u16>,
}

impl EndSource<'_> {
    /// The latent of this end, with the meter or chords asked for, or else its own: of a window
    /// those that it has, of a style those of most of its music, of a latent those of the style
    /// that it most probably belongs to.
    ///
    /// # Errors
    /// [`GenerateError::Latent`] for a latent of another size; those of [`Controls::new`]; if the
    /// model has no styles.
    pub fn end(
        self,
        session: &Session,
        request: ControlRequest<'_>,
        seed: u64,
    ) -> Result<End, GenerateError> {
        let model = session.model();
        let z = match self {
            Self::Style(style) => session.styles()?.mean_latent(model, style)?,
            Self::Window(tokens) => encode_windows(model, &[tokens.to_vec()]),
            Self::Latent(z) if z.len() == model.z_size() => z.to_vec(),
            Self::Latent(z) => {
                return Err(GenerateError::Latent { found: z.len(), expected: model.z_size() });
            }
        };
        let is_own = request == ControlRequest::default();
        let control = match self {
            Self::Style(style) if is_own => control_of_style(model, style, seed)?,
            Self::Window(tokens) if is_own => controls_of(model, std::iter::once(tokens)),
            _ => {
                let controls = Controls::of_latents(model, session.styles_if_any(), request)?;
                controls.of(0, &z, 1, seed)
            }
        };
        Ok(End { z, control })
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use note_seq::Meter;

    use super::*;
    use crate::test_session;

    #[test]
    fn an_end_has_the_latent_of_its_source_and_its_size_is_checked() {
        let session = test_session::melody();
        let (model, windows) = (session.model(), test_session::windows(1));
        let end = |source: EndSource<'_>| source.end(session, ControlRequest::default(), 0);
        let window = end(EndSource::Window(&windows[0])).unwrap();
        assert_eq!(window.z, encode_windows(model, &windows));
        assert_eq!(end(EndSource::Latent(&window.z)).unwrap(), window);
        let style = &session.styles().unwrap().all()[0];
        let mean = session.styles().unwrap().mean_latent(model, style).unwrap();
        assert_eq!(end(EndSource::Style(style)).unwrap().z, mean);
        let error = end(EndSource::Latent(&window.z[1..])).unwrap_err().to_string();
        assert!(error.contains(&format!("this model's have {}", model.z_size())), "{error}");
        // Melodies have no meter to choose, whatever the end is.
        let request = ControlRequest { chords: None, meter: Some(Meter::COMMON) };
        for source in [EndSource::Style(style), EndSource::Window(&windows[0])] {
            let refused = source.end(session, request, 0);
            assert!(matches!(refused, Err(GenerateError::Meter { .. })), "{refused:?}");
        }
    }
}
