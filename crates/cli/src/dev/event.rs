//! The event a function is tried with: `events/<LogicalId>.json`, else the first of `events/*.json`, else `{}`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use bytes::Bytes;
use serde::de::IgnoredAny;

use crate::client::{Answered, Client, Invocation};

use super::template::Function;

/// AWS's limit for a request that waits for its answer.
const EVENT_BYTES_MAX: u64 = 6_291_456;

/// Invokes a function with its event; gives the event's name with the answer.
pub(super) async fn invoke(
    client: &Client,
    function: &Function,
) -> anyhow::Result<(String, Answered)> {
    let path = find(&function.events, &function.logical_id)
        .with_context(|| format!("cannot list {}", function.events.display()))?;
    let (name, payload) = match &path {
        None => ("{}".to_owned(), Bytes::from_static(b"{}")),
        Some(path) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            (format!("events/{name}"), read(path)?)
        }
    };
    let invocation = Invocation {
        function: &function.name,
        payload,
        ..Invocation::default()
    };
    Ok((name, client.invoke(invocation).await?))
}

fn find(folder: &Path, logical_id: &str) -> io::Result<Option<PathBuf>> {
    let own = folder.join(format!("{logical_id}.json"));
    if own.is_file() {
        return Ok(Some(own));
    }
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    let mut events = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
            && path.is_file()
        {
            events.push(path);
        }
    }
    Ok(events.into_iter().min())
}

fn read(path: &Path) -> anyhow::Result<Bytes> {
    let size_bytes = fs::metadata(path)?.len();
    ensure!(
        size_bytes <= EVENT_BYTES_MAX,
        "{} is over 6 MB, which no invoke takes",
        path.display()
    );
    let event = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice::<IgnoredAny>(&event)
        .with_context(|| format!("{} is no JSON", path.display()))?;
    Ok(event.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_is_no_json_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Painter.json");
        fs::write(&path, "{").unwrap();
        let error = format!("{:#}", read(&path).unwrap_err());
        assert!(error.contains("Painter.json is no JSON"), "{error}");
        fs::write(&path, "{}").unwrap();
        assert_eq!(read(&path).unwrap(), "{}");
    }

    #[test]
    fn a_functions_own_event_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let events = folder.path().join("events");
        assert_eq!(find(&events, "Painter").unwrap(), None);
        fs::create_dir(&events).unwrap();
        for name in ["b.json", "a.json", "0.txt"] {
            fs::write(events.join(name), "{}").unwrap();
        }
        assert_eq!(
            find(&events, "Painter").unwrap(),
            Some(events.join("a.json"))
        );
        fs::write(events.join("Painter.json"), "{}").unwrap();
        assert_eq!(
            find(&events, "Painter").unwrap(),
            Some(events.join("Painter.json"))
        );
    }
}
