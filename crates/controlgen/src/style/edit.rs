//! Changes to the list of styles: renaming, merging, hiding, adding. Each change is written to disk
//! at once.

use std::path::{Path, PathBuf};

use corpus::artifact::{JsonFormat, io};
use corpus::overwrite::Overwrite;

use super::describe::Describer;
use super::files::StylesFile;
use super::name::check_name;
use super::{AddedStyle, Reference, Style, StyleError, Styles};
use crate::model::Model;

impl Styles {
    /// Renames a style.
    ///
    /// # Errors
    /// Returns [`StyleError::Unknown`], [`StyleError::Name`] or [`StyleError::Taken`], or an error
    /// if nothing can be written.
    pub fn rename(&mut self, style: &str, name: &str) -> Result<(), StyleError> {
        let at = self.position(style)?;
        check_name(name)?;
        if self.all[at].name == name {
            return Ok(());
        }
        self.expect_free_beside(name, Some(at))?;
        let old = std::mem::replace(&mut self.all[at].name, name.to_owned());
        let Some(mut kept) = self.added.remove(&old) else { return self.save() };
        let path = kept.path.clone();
        name.clone_into(&mut kept.style.name);
        self.keep(kept.style)?;
        std::fs::remove_file(&path).map_err(io("remove", &path))?;
        Ok(())
    }

    /// Hides a style in lists, or shows it again.
    ///
    /// # Errors
    /// Returns [`StyleError::Unknown`], or an error if nothing can be written.
    pub fn set_hidden(&mut self, style: &str, hidden: bool) -> Result<(), StyleError> {
        let at = self.position(style)?;
        self.all[at].hidden = hidden;
        match self.added.get(&self.all[at].name) {
            Some(kept) => {
                let style = AddedStyle { hidden, ..kept.style.clone() };
                self.keep(style)
            }
            None => self.save(),
        }
    }

    /// Merges several discovered styles into one at the position of the first, with its name unless
    /// another is given.
    ///
    /// # Errors
    /// Returns [`StyleError::Unknown`]; [`StyleError::Merge`] for fewer than two styles, or for an
    /// added one; [`StyleError::Name`] or [`StyleError::Taken`]; or an error if files can't be read
    /// or written.
    pub fn merge(
        &mut self,
        model: &Model,
        styles: &[String],
        name: Option<&str>,
    ) -> Result<&Style, StyleError> {
        let mut places = Vec::new();
        for style in styles {
            let at = self.position(style)?;
            if !places.contains(&at) {
                places.push(at);
            }
        }
        let first = match places[..] {
            [first, _, ..] if places.iter().all(|at| !self.all[*at].components.is_empty()) => first,
            _ => return Err(StyleError::Merge),
        };
        let name = name.unwrap_or(&self.all[first].name).to_owned();
        check_name(&name)?;
        if places.iter().all(|at| self.all[*at].name != name) {
            self.expect_free(&name)?;
        }
        let merged =
            |get: &dyn Fn(&Style) -> f64| places.iter().map(|at| get(&self.all[*at])).sum();
        let mut style = Style {
            components: places.iter().flat_map(|at| self.all[*at].components.clone()).collect(),
            share: merged(&|style| style.share),
            name: name.clone(),
            hidden: false,
            ..self.all[first].clone()
        };
        let reference = Reference::load(model)?;
        let distribution = self.distribution(&style);
        Describer::new(model, &reference, &self.mixture).describe(&mut style, &distribution);
        self.all[first] = style;
        let gone: Vec<String> = places[1..]
            .iter()
            .map(|at| self.all[*at].name.clone())
            .filter(|n| *n != name)
            .collect();
        let mut at = 0;
        self.all.retain(|_| {
            at += 1;
            at - 1 == first || !places.contains(&(at - 1))
        });
        if let Some(fit) = &mut self.facts {
            fit.small.retain(|small| !gone.contains(small));
        }
        self.save()?;
        self.find(&name)
    }

    /// Splits a merged style into one style per component, named `style-0` by its number.
    ///
    /// # Errors
    /// Returns [`StyleError::Unknown`]; [`StyleError::Split`] for a style with fewer than two
    /// components; or an error if files can't be read or written.
    pub fn split(&mut self, model: &Model, style: &str) -> Result<Vec<String>, StyleError> {
        let at = self.position(style)?;
        let merged = self.all[at].clone();
        if merged.components.len() < 2 {
            return Err(StyleError::Split { name: merged.name });
        }
        let reference = Reference::load(model)?;
        let describer = Describer::new(model, &reference, &self.mixture);
        self.all.remove(at);
        let total: f64 = merged.components.iter().map(|k| self.mixture.weights()[*k]).sum();
        let mut names = Vec::new();
        for (n, component) in merged.components.iter().enumerate() {
            let mut name = format!("style-{component}");
            while self.all.iter().any(|style| style.name == name) {
                name.push('\'');
            }
            let mut part = Style {
                name: name.clone(),
                components: vec![*component],
                // Shares of single components are not stored; the weights are close to them.
                share: merged.share * self.mixture.weights()[*component] / total,
                ..merged.clone()
            };
            let distribution = self.distribution(&part);
            describer.describe(&mut part, &distribution);
            self.all.insert(at + n, part);
            names.push(name);
        }
        self.save()?;
        Ok(names)
    }

    /// Removes an added style. Discovered ones can be hidden instead.
    ///
    /// # Errors
    /// Returns [`StyleError::Unknown`] or [`StyleError::Discovered`], or an error if the file can't
    /// be removed.
    pub fn remove(&mut self, style: &str) -> Result<(), StyleError> {
        let at = self.position(style)?;
        let name = self.all[at].name.clone();
        let Some(kept) = self.added.remove(&name) else {
            return Err(StyleError::Discovered { name });
        };
        self.all.remove(at);
        std::fs::remove_file(&kept.path).map_err(io("remove", &kept.path))?;
        Ok(())
    }

    /// Writes a style to a file that other users of the same model can import: an added one
    /// unchanged, a discovered one with its distribution.
    ///
    /// # Errors
    /// Returns [`StyleError::Unknown`], or an error if the file can't be written or belongs to
    /// another program and must be kept.
    pub fn export(
        &self,
        model: &Model,
        style: &str,
        path: &Path,
        overwrite: Overwrite,
    ) -> Result<AddedStyle, StyleError> {
        let style = self.find(style)?;
        let exported = match self.added.get(&style.name) {
            Some(kept) => kept.style.clone(),
            None => AddedStyle {
                name: style.name.clone(),
                model_hash: model.hash().to_owned(),
                kind: model.kind().name.to_owned(),
                hidden: false,
                n_windows: style.card.as_ref().map_or(0, |card| card.profile.n_windows),
                prior_share: 1.0,
                files: Vec::new(),
                nearest: style.nearest.clone(),
                examples: self.examples(&Reference::load(model)?, style),
                card: style.card.clone(),
                distribution: self.distribution(style),
            },
        };
        overwrite.write(path, exported.to_json().as_bytes())?;
        Ok(exported)
    }

    /// Adds a style from a file written by [`Styles::export`], under its own or another name.
    /// Returns the path of the stored style.
    ///
    /// # Errors
    /// Returns [`StyleError::OtherModel`] for a style of another model, [`StyleError::Name`] or
    /// [`StyleError::Taken`], or an error if the file can't be read or nothing can be written.
    pub fn import(
        &mut self,
        model: &Model,
        path: &Path,
        name: Option<&str>,
    ) -> Result<PathBuf, StyleError> {
        let mut style = AddedStyle::read(path, model)?;
        if let Some(name) = name {
            name.clone_into(&mut style.name);
        }
        check_name(&style.name)?;
        self.expect_free(&style.name)?;
        let name = style.name.clone();
        self.all.push(style.entry());
        self.keep(style)?;
        Ok(self.added[&name].path.clone())
    }

    /// The index of a style in the list.
    fn position(&self, name: &str) -> Result<usize, StyleError> {
        let found = &self.find(name)?.name;
        Ok(self.all.iter().position(|style| style.name == *found).expect("it was found"))
    }

    /// Checks that no style has a name, ignoring case: case-insensitive file systems would use the
    /// same file for both.
    pub(super) fn expect_free(&self, name: &str) -> Result<(), StyleError> {
        self.expect_free_beside(name, None)
    }

    /// The same, except for the style at index `but`, which is to be renamed.
    fn expect_free_beside(&self, name: &str, but: Option<usize>) -> Result<(), StyleError> {
        let lower = name.to_lowercase();
        let others = self.all.iter().enumerate().filter(|(at, _)| Some(*at) != but);
        match others.map(|(_, style)| &style.name).find(|other| other.to_lowercase() == lower) {
            Some(taken) => Err(StyleError::Taken { name: taken.clone() }),
            None => Ok(()),
        }
    }

    /// Writes an added style and adds it to the list.
    pub(super) fn keep(&mut self, style: AddedStyle) -> Result<(), StyleError> {
        let path = match self.added.get(&style.name) {
            Some(kept) => style.save(&kept.path).map(|()| kept.path.clone())?,
            None => self.folders.save_added(&style)?,
        };
        self.added.insert(style.name.clone(), super::Kept::new(style, path));
        Ok(())
    }

    /// Writes the list of discovered styles.
    fn save(&mut self) -> Result<(), StyleError> {
        let discovered = self.all.iter().filter(|style| !style.is_added()).cloned().collect();
        let file = StylesFile {
            mixture: Some(self.fingerprint.clone()),
            fit: self.facts.clone(),
            styles: discovered,
        };
        self.list_is_users = self.folders.save_list(&file, self.list_is_users)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_be_typed_and_are_no_numbers_lists_or_paths() {
        for good in ["waltz", "my style 2", "späte Lieder", "style-3"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "3", "0.5", "a/b", "a:1", "a,b", ".x", "-x", " x", "x\n", "..", "nan"] {
            assert!(matches!(check_name(bad), Err(StyleError::Name { .. })), "{bad:?}");
        }
        assert!(check_name(&"x".repeat(65)).is_err());
    }
}
