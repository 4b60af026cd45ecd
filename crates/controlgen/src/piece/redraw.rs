//! Windows of a piece drawn again, or varied, while the others stay: they are composed to fit what
//! is before and after.

use std::sync::atomic::AtomicBool;

use super::compose::Composer;
use super::form::{Form, FormRequest, Slot};
use super::plan::{Composition, Plan};
use crate::generate::{
    ControlRequest, Controls, Decoding, GenerateError, LatentPath, LatentSampling,
};
use crate::model::Model;
use crate::style::{Style, Styles};

/// What becomes of the windows that are redrawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Redraw {
    /// Something new.
    New,
    /// A variation of what they were, with this similarity of onsets: 1 for the same.
    Varied(f64),
}

/// Which windows are redrawn, and how.
#[derive(Clone, Copy, Debug)]
pub struct RedrawRequest<'a> {
    /// The windows of the piece, in the common key if the kind has one.
    pub windows: &'a [Vec<u16>],
    /// Numbers of those that are redrawn; not empty, ascending, each once.
    pub which: &'a [usize],
    /// What becomes of them.
    pub redraw: Redraw,
    /// The distribution of new latents.
    pub path: &'a LatentPath,
    /// The styles asked for.
    pub targets: &'a [&'a Style],
    /// How latents are sampled.
    pub sampling: LatentSampling,
    /// How latents become tokens.
    pub decoding: Decoding,
    /// How they are composed; the form is not used.
    pub composition: Composition<'a>,
    /// Set when nobody waits for the windows any more.
    pub canceled: Option<&'a AtomicBool>,
}

/// Redraws windows of a piece. Returns the new ones with their latents, in order.
///
/// The piece is taken as a loop, as it is heard in an editor: a variation of the first window also
/// fits the last one.
///
/// # Errors
/// [`GenerateError`] for settings out of range; [`GenerateError::Stopped`] if canceled.
///
/// # Panics
/// If `which` is empty or names a window that is not there.
pub fn redraw(
    model: &Model,
    styles: &Styles,
    request: &RedrawRequest<'_>,
) -> Result<Vec<(Vec<u16>, Vec<f32>)>, GenerateError> {
    let RedrawRequest { windows, which, redraw, path, targets, canceled, .. } = *request;
    let (sampling, decoding) = (request.sampling.check()?, request.decoding.check()?);
    let last = windows.last().expect("windows are redrawn");
    // Variations are returns of windows that come first.
    let sources: Vec<usize> = match redraw {
        Redraw::New => Vec::new(),
        Redraw::Varied(_) => which.to_vec(),
    };
    let mut given: Vec<Option<Vec<u16>>> =
        sources.iter().map(|at| Some(windows[*at].clone())).collect();
    if !sources.is_empty() {
        given.push(Some(last.clone()));
    }
    let first = given.len();
    given.extend(windows.iter().cloned().map(Some));
    let mut form = Form { slots: vec![Slot::default(); given.len()] };
    for (number, at) in which.iter().enumerate() {
        given[first + at] = None;
        if let Redraw::Varied(similarity) = redraw {
            // 1 would be the same window.
            let similarity = similarity.clamp(0.0, 0.99);
            form.slots[first + at].returns = Some((number, similarity));
        }
    }
    let form = FormRequest::Same(form);
    let controls = match model.form().n_control() {
        0 => Controls::of_styles(model, styles, targets, ControlRequest::default())?,
        // The meter of the piece, also where no window is left of it.
        _ => Controls::of_windows(model, windows.iter().map(Vec::as_slice))?,
    };
    let plan = Plan {
        composition: Composition { form: &form, ..request.composition },
        path,
        targets,
        n_windows: given.len(),
        sampling,
        shift: None,
        aim: None,
        decoding,
        controls: &controls,
        given: &given,
        has_end: true,
        canceled,
    };
    let composer = Composer::new(model, styles, plan)?;
    let mut made = composer.pieces(0..1)?.pop().expect("a piece for each attempt");
    let taken = which.iter().map(|at| {
        let at = first + at;
        (std::mem::take(&mut made.windows[at]), std::mem::take(&mut made.z[at]))
    });
    Ok(taken.collect())
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use crate::generate::Target;
    use crate::piece::similarity::Onsets;
    use crate::piece::sound::Sounds;
    use crate::test_session;

    #[test]
    fn what_is_varied_stays_alike_and_what_is_new_does_not() {
        let session = test_session::melody();
        let (model, styles) = (session.model(), session.styles().unwrap());
        let target = Target::blend(styles, &[("0", 1.0)]).unwrap();
        let windows = test_session::windows(6);
        let redrawn = |redraw, which: &[usize], seed| {
            let request = RedrawRequest {
                windows: &windows,
                which,
                redraw,
                path: &target.path,
                targets: &target.styles,
                sampling: LatentSampling::default(),
                decoding: Decoding { temperature: Some(0.5), seed },
                composition: Composition {
                    learned: session.pieces().unwrap(),
                    form: &FormRequest::Auto,
                    n_candidates: 8,
                },
                canceled: None,
            };
            super::redraw(model, styles, &request).unwrap()
        };
        let onsets = |tokens: &[u16]| Onsets::from(&Sounds::of(model.form(), tokens));
        let likeness = |redraw| {
            let mut sum = 0.0;
            for seed in 0..6 {
                for (at, (tokens, z)) in [1, 4].into_iter().zip(redrawn(redraw, &[1, 4], seed)) {
                    assert_eq!(z.len(), model.z_size());
                    sum += onsets(&windows[at]).similarity(&onsets(&tokens));
                }
            }
            sum / 12.0
        };
        let (new, varied) = (likeness(Redraw::New), likeness(Redraw::Varied(0.7)));
        assert!(varied > new + 0.2, "varied {varied}, new {new}");
        // The same seed, the same windows; all of a piece can be redrawn.
        assert_eq!(redrawn(Redraw::New, &[2], 5), redrawn(Redraw::New, &[2], 5));
        assert_ne!(redrawn(Redraw::New, &[2], 5), redrawn(Redraw::New, &[2], 6));
        assert_eq!(redrawn(Redraw::New, &[0, 1, 2, 3, 4, 5], 5).len(), 6);
    }
}
