//! Turns the bytes of a manifest into what is needed of it: whether they are what was asked for, under which type they
//! are put, and how large the image is. It never changes them.

use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, ImageIndexEntry, OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE, OciManifest,
};
use serde::Deserialize;
use serde::de::IgnoredAny;
use sha2::{Digest as _, Sha256};

/// The types that are asked for: images and indexes, of the OCI and of Docker.
pub(super) const ACCEPT: [&str; 4] =
    [OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE];

/// The annotation of an entry that is no image but says something of one.
const ABOUT_ANOTHER: &str = "vnd.docker.reference.type";

/// What tells the type of a manifest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    media_type: Option<String>,
    manifests: Option<IgnoredAny>,
    layers: Option<IgnoredAny>,
}

/// What the layers of a manifest are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// Of one image, in bytes.
    Image(u64),
    /// The digests of the images of an index, whose sizes have to be added up.
    Index(Vec<String>),
}

/// `sha256:…` of some bytes.
pub(super) fn digest_of(bytes: &[u8]) -> String {
    let sum = Sha256::digest(bytes);
    sum.iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// Whether a text is a digest that can be checked here.
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(crate::repo::Digest::is_text)
}

/// The type under which a manifest is put: its own word, else what it was served as, else what it looks like.
pub(super) fn media_type(bytes: &[u8], served_as: Option<&str>) -> Option<String> {
    let kind: Kind = serde_json::from_slice(bytes).ok()?;
    if kind.media_type.is_some() {
        return kind.media_type;
    }
    let served = served_as.and_then(|served| served.split(';').next()).map(str::trim);
    let looks = match (kind.manifests, kind.layers) {
        (Some(_), _) => OCI_IMAGE_INDEX_MEDIA_TYPE,
        (None, Some(_)) => OCI_IMAGE_MEDIA_TYPE,
        (None, None) => return None,
    };
    Some(served.filter(|served| ACCEPT.contains(served)).unwrap_or(looks).to_owned())
}

/// How large an image is; `None` if the bytes are no manifest.
pub(super) fn size(bytes: &[u8]) -> Option<Size> {
    match serde_json::from_slice(bytes).ok()? {
        OciManifest::Image(image) => {
            let sizes = image.layers.iter().map(|layer| u64::try_from(layer.size).ok());
            sizes.sum::<Option<u64>>().map(Size::Image)
        }
        OciManifest::ImageIndex(index) => {
            let images = index.manifests.into_iter().filter(is_image);
            Some(Size::Index(images.map(|entry| entry.digest).collect()))
        }
    }
}

/// Whether an entry of an index is an image for a platform, not an attestation.
fn is_image(entry: &ImageIndexEntry) -> bool {
    let says = |name: &str| entry.annotations.as_ref().is_some_and(|all| all.contains_key(name));
    let unknown = entry.platform.as_ref().is_some_and(|platform| platform.os.to_string() == "unknown");
    !unknown && !says(ABOUT_ANOTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_that_of_the_bytes() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest_of(b""), empty);
        assert!(is_digest(empty));
        for wrong in ["", "sha256:", "sha512:e3b0", &empty[..70], &empty.to_uppercase()] {
            assert!(!is_digest(wrong), "{wrong}");
        }
    }

    #[track_caller]
    fn check_type(text: &str, served: Option<&str>, expected: Option<&str>) {
        assert_eq!(media_type(text.as_bytes(), served).as_deref(), expected);
    }

    #[test]
    fn a_manifest_is_put_as_what_it_says_that_it_is() {
        check_type(r#"{"mediaType": "a/b", "layers": []}"#, Some("text/html"), Some("a/b"));
        check_type(r#"{"layers": []}"#, Some("text/html"), Some(OCI_IMAGE_MEDIA_TYPE));
        check_type(r#"{"manifests": []}"#, None, Some(OCI_IMAGE_INDEX_MEDIA_TYPE));
        let docker = format!("{IMAGE_MANIFEST_MEDIA_TYPE}; charset=utf-8");
        check_type(r#"{"layers": []}"#, Some(&docker), Some(IMAGE_MANIFEST_MEDIA_TYPE));
        check_type(r#"{"signatures": []}"#, Some(OCI_IMAGE_MEDIA_TYPE), None);
        check_type("<html>", Some(OCI_IMAGE_MEDIA_TYPE), None);
    }

    #[test]
    fn a_size_is_that_of_the_layers_and_attestations_are_none() {
        let layer = |size: i64| format!(r#"{{"mediaType": "l", "digest": "sha256:1", "size": {size}}}"#);
        let image = |layers: &str| format!(r#"{{"schemaVersion": 2, "config": {}, "layers": [{layers}]}}"#, layer(9));
        assert_eq!(size(image(&format!("{}, {}", layer(3), layer(4))).as_bytes()), Some(Size::Image(7)));
        assert_eq!(size(image("").as_bytes()), Some(Size::Image(0)));
        assert_eq!(size(image(&layer(-1)).as_bytes()), None);
        assert_eq!(size(b"{}"), None);
        let entry = |digest: &str, os: &str, more: &str| {
            format!(
                r#"{{"mediaType": "m", "digest": "{digest}", "size": 1,
                    "platform": {{"os": "{os}", "architecture": "amd64"}}{more}}}"#
            )
        };
        let attests = format!(r#", "annotations": {{"{ABOUT_ANOTHER}": "attestation-manifest"}}"#);
        let entries = [entry("a", "linux", ""), entry("b", "unknown", ""), entry("c", "linux", &attests)];
        let index = format!(r#"{{"schemaVersion": 2, "manifests": [{}]}}"#, entries.join(","));
        assert_eq!(size(index.as_bytes()), Some(Size::Index(vec!["a".into()])));
    }
}
