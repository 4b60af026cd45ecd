//! MIDI files in object stores that DataFusion's registry knows by their URLs.
//!
//! `file://` is always available. `s3://` needs the feature `s3` and reads its keys from the `AWS_`
//! environment variables; it has not been tried on a real store yet. Archives in stores are
//! skipped.

use std::io;
use std::sync::{Arc, LazyLock};

use corpus::stages::InStore;
use datafusion::common::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnv;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore};
use thiserror::Error;
use tokio::runtime::Runtime;
use url::Url;

/// The caller chooses the number of files fetched at the same time; these threads wait for them.
const N_THREADS: usize = 2;

/// The reason a store can't be searched.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It is not a URL.
    #[error("`{url}` is not a URL; expected for example `s3://bucket/folder`")]
    Url {
        /// The given text.
        url: String,
    },
    /// No store is registered for such URLs.
    #[error("`{url}` can't be reached; for `s3://` build with `--features s3`")]
    Unknown {
        /// The given URL.
        url: String,
        /// The cause.
        source: Box<DataFusionError>,
    },
    /// The store returned an error.
    #[error("can't list `{url}`")]
    List {
        /// The given URL.
        url: String,
        /// The cause.
        source: object_store::Error,
    },
}

/// The store of a URL, and the path within it.
fn resolve(runtime: &RuntimeEnv, url: &str) -> Result<(Arc<dyn ObjectStore>, Path), StoreError> {
    let bad = || StoreError::Url { url: url.to_owned() };
    let parsed = Url::parse(url).map_err(|_| bad())?;
    let path = Path::from_url_path(parsed.path()).map_err(|_| bad())?;
    let store = runtime
        .object_store(Address(parsed))
        .map_err(|source| StoreError::Unknown { url: url.to_owned(), source: Box::new(source) })?;
    Ok((store, path))
}

struct Address(Url);

impl AsRef<Url> for Address {
    fn as_ref(&self) -> &Url {
        &self.0
    }
}

/// All files below a URL, sorted by name.
///
/// # Errors
/// Returns [`StoreError`] if the URL is not usable or can't be listed.
pub async fn list(runtime: &RuntimeEnv, url: &str) -> Result<Vec<InStore>, StoreError> {
    let (store, root) = resolve(runtime, url)?;
    let listed = |source| StoreError::List { url: url.to_owned(), source };
    let base = Url::parse(url).map_err(|_| StoreError::Url { url: url.to_owned() })?;
    let found: Vec<_> = store.list(Some(&root)).try_collect().await.map_err(listed)?;
    let mut files: Vec<InStore> = found
        .into_iter()
        .map(|file| {
            let relative = file.location.as_ref().strip_prefix(root.as_ref());
            let relative = relative.unwrap_or(file.location.as_ref()).trim_start_matches('/');
            let mut url = base.clone();
            url.set_path(file.location.as_ref());
            InStore { relative: relative.to_owned(), url: url.to_string(), n_bytes: file.size }
        })
        .collect();
    files.sort_by(|a, b| a.relative.cmp(&b.relative));
    Ok(files)
}

/// Fetches the bytes of files, all at the same time.
pub fn fetch(runtime: &RuntimeEnv, urls: &[String]) -> Vec<io::Result<Vec<u8>>> {
    /// Separate from the worker threads, which block here.
    static WAITING: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(N_THREADS).enable_all().build()
    });
    let Ok(waiting) = &*WAITING else {
        return urls
            .iter()
            .map(|_| Err(io::Error::other("can't start the threads that fetch files")))
            .collect();
    };
    let answers: Vec<_> = urls
        .iter()
        .map(|url| {
            let (sender, receiver) = std::sync::mpsc::channel();
            match resolve(runtime, url) {
                Ok((store, path)) => {
                    waiting.spawn(async move {
                        let bytes = async {
                            store.get_opts(&path, GetOptions::default()).await?.bytes().await
                        };
                        let bytes = bytes.await;
                        // The receiver may be gone.
                        let _ = sender.send(bytes.map(|b| b.to_vec()).map_err(io::Error::other));
                    });
                }
                Err(error) => {
                    let _ = sender.send(Err(io::Error::other(error)));
                }
            }
            receiver
        })
        .collect();
    let lost = |_| Err(io::Error::other("the store did not answer"));
    answers.into_iter().map(|answer| answer.recv().unwrap_or_else(lost)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_of_a_store_are_listed_and_fetched() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("b c")).unwrap();
        std::fs::write(folder.path().join("b c/2.mid"), "two").unwrap();
        std::fs::write(folder.path().join("a.mid"), "one").unwrap();
        let runtime = RuntimeEnv::default();
        let url = format!("file://{}", folder.path().display());
        let files = list(&runtime, &url).await.unwrap();
        let names: Vec<&str> = files.iter().map(|file| file.relative.as_str()).collect();
        assert_eq!(names, ["a.mid", "b c/2.mid"]);
        assert_eq!(files[1].n_bytes, 3);
        let mut urls: Vec<String> = files.into_iter().map(|file| file.url).collect();
        urls.push(format!("{url}/none.mid"));
        let found = fetch(&runtime, &urls);
        assert_eq!(found[0].as_ref().unwrap(), b"one");
        assert_eq!(found[1].as_ref().unwrap(), b"two");
        assert!(found[2].is_err());
        let error = list(&runtime, "s3:").await.unwrap_err().to_string();
        assert!(error.contains("s3:"), "{error}");
    }
}
