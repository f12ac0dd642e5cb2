//! Headscale's answer, read whatever its version: 0.29 answers with the key itself, with numbers as ids; later ones with
//! text as ids and the key below `preAuthKey`.

use age::secrecy::SecretString;
use serde_json::Value;

/// A key, and how Headscale counts it.
pub struct PreAuthKey {
    pub secret: SecretString,
    pub id: Option<String>,
}

impl PreAuthKey {
    /// Reads the answer. The error says what is missing, and repeats nothing of the answer.
    pub fn parse(answer: &[u8]) -> Result<Self, String> {
        // Warnings of a logger may come before the document.
        let start = answer.iter().position(|byte| *byte == b'{').ok_or("it is no JSON object")?;
        let document: Value = serde_json::Deserializer::from_slice(&answer[start..])
            .into_iter()
            .next()
            .and_then(Result::ok)
            .ok_or("it is no whole JSON document")?;
        let inner =
            ["preAuthKey", "pre_auth_key"].iter().find_map(|name| document.get(name)).unwrap_or(&document);
        let key = inner.get("key").and_then(Value::as_str).ok_or("it has no field `key`")?;
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("its field `key` is not one word".to_owned());
        }
        // Lists of keys show them so.
        if key.contains('*') {
            return Err("its field `key` hides the key".to_owned());
        }
        let id = match inner.get("id") {
            Some(Value::Number(id)) => Some(id.to_string()),
            Some(Value::String(id)) if id.bytes().all(|b| b.is_ascii_digit()) => Some(id.clone()),
            _ => None,
        };
        Ok(Self { secret: SecretString::from(key), id })
    }
}
