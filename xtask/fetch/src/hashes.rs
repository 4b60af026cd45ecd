//! Hashes of files: expected and actual.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The hashes of a file according to its publisher, in lowercase hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) sha256: Option<String>,
    pub(crate) md5: Option<String>,
    /// The Git blob hash: SHA-1 of `blob <size>\0` and the contents.
    pub(crate) git_blob_sha1: Option<String>,
}

/// A file's hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileHashes {
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    md5: String,
    git_blob_sha1: String,
}

impl Expected {
    pub(crate) fn is_known(&self) -> bool {
        self.strongest().is_some()
    }

    /// The name of the strongest known hash.
    pub(crate) fn strongest(&self) -> Option<&'static str> {
        let [sha256, md5, git] = self.named();
        // MD5 comes before Git's SHA-1 only because publishers provide it: both detect damage, not
        // malice.
        [sha256, md5, git].into_iter().find(|(_, hash)| hash.is_some()).map(|(name, _)| name)
    }

    fn named(&self) -> [(&'static str, Option<&str>); 3] {
        [
            ("sha256", self.sha256.as_deref()),
            ("md5", self.md5.as_deref()),
            ("git-blob-sha1", self.git_blob_sha1.as_deref()),
        ]
    }

    /// Rejects values that can't be hashes.
    pub(crate) fn check(&self) -> Result<()> {
        for ((name, hash), length) in self.named().into_iter().zip([64, 32, 40]) {
            let Some(hash) = hash else { continue };
            let digits = hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            ensure!(
                digits && hash.len() == length,
                "{name} {hash:?} is not {length} lowercase hexadecimal digits"
            );
        }
        Ok(())
    }

    /// Compares with the actual hashes and returns the name of the strongest one that matched, if
    /// any is known.
    pub(crate) fn verify(&self, found: &FileHashes) -> Result<Option<&'static str>> {
        let have = [&found.sha256, &found.md5, &found.git_blob_sha1];
        for ((name, expected), have) in self.named().into_iter().zip(have) {
            if let Some(expected) = expected
                && expected != have
            {
                bail!("its {name} is {have}, but it should be {expected}");
            }
        }
        Ok(self.strongest())
    }
}

impl FileHashes {
    /// Reads a file once and hashes it.
    pub(crate) fn from_file(path: &Path) -> Result<Self> {
        let mut file =
            File::open(path).with_context(|| format!("can't open {}", path.display()))?;
        let size = file.metadata()?.len();
        let (mut sha256, mut md5, mut git) = (Sha256::new(), Md5::new(), Sha1::new());
        git.update(format!("blob {size}\0"));
        let mut buffer = vec![0; 1 << 18];
        let mut bytes = 0;
        loop {
            let n =
                file.read(&mut buffer).with_context(|| format!("can't read {}", path.display()))?;
            if n == 0 {
                break;
            }
            bytes += n as u64;
            let part = &buffer[..n];
            sha256.update(part);
            md5.update(part);
            git.update(part);
        }
        ensure!(bytes == size, "{} changed while it was read", path.display());
        Ok(Self {
            bytes,
            sha256: hex(&sha256.finalize()),
            md5: hex(&md5.finalize()),
            git_blob_sha1: hex(&git.finalize()),
        })
    }
}

/// Lowercase hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).expect("four bits are a digit"));
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_sha256sum_md5sum_and_git() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "hello\n").unwrap();
        let found = FileHashes::from_file(&path).unwrap();
        // `printf 'hello\n' | sha256sum`, `md5sum`, `git hash-object --stdin`
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        let md5 = "b1946ac92492d2347c6235b4d2611184";
        let git = "ce013625030ba8dba906f756967f9e9ca394464a";
        assert_eq!((found.bytes, found.sha256.as_str()), (6, sha256));
        let mut expected =
            Expected { sha256: None, md5: None, git_blob_sha1: Some(git.to_owned()) };
        assert_eq!(expected.verify(&found).unwrap(), Some("git-blob-sha1"));
        expected.md5 = Some(md5.to_owned());
        assert_eq!(expected.verify(&found).unwrap(), Some("md5"));
        expected.sha256 = Some(sha256.to_owned());
        assert_eq!(expected.verify(&found).unwrap(), Some("sha256"));
        expected.md5 = Some("0".repeat(32));
        let error = expected.verify(&found).unwrap_err().to_string();
        assert_eq!(error, format!("its md5 is {md5}, but it should be {}", "0".repeat(32)));
        assert_eq!(Expected::default().verify(&found).unwrap(), None);
    }

    #[test]
    fn invalid_hashes_are_rejected() {
        let bad = |text: &str| Expected { md5: Some(text.to_owned()), ..Expected::default() };
        assert!(bad("b1946ac92492d2347c6235b4d2611184").check().is_ok());
        assert!(bad("B1946ac92492d2347c6235b4d2611184").check().is_err());
        assert!(bad("b1946ac9").check().is_err());
    }
}
