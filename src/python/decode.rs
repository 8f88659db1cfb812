//! Makes Python objects straight from a payload's JSON, for what nearly all payloads are made of. `serde_json` reads it;
//! what that may read otherwise than Python's `json` is left to that: the answer is `None`, and nothing is refused here.

use std::fmt;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// From here on a float may be an integer of more than 64 bits.
const INTEGERS_MAX: f64 = 9_223_372_036_854_775_808.0;

/// What a payload holds: arguments, keyword arguments, metadata.
pub type Parts<'py> = (Bound<'py, PyList>, Bound<'py, PyDict>, Bound<'py, PyDict>);

/// The parts of `{"args", "kwargs", "metadata"}`; one that is missing or null is empty.
pub fn payload<'py>(py: Python<'py>, json: &[u8]) -> Option<Parts<'py>> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let whole = Reader(py).deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    let envelope = whole.cast::<PyDict>().ok()?;
    let args = match part(envelope, intern!(py, "args"))? {
        Some(args) => args.cast_into().ok()?,
        None => PyList::empty(py),
    };
    let dict = |name: &Bound<'py, PyString>| match part(envelope, name)? {
        Some(dict) => dict.cast_into().ok(),
        None => Some(PyDict::new(py)),
    };
    Some((args, dict(intern!(py, "kwargs"))?, dict(intern!(py, "metadata"))?))
}

/// `None` if Python failed, `Some(None)` if there is nothing under this name.
#[allow(clippy::option_option, reason = "the outer one gives up, the inner one is an answer")]
fn part<'py>(envelope: &Bound<'py, PyDict>, name: &Bound<'py, PyString>) -> Option<Option<Bound<'py, PyAny>>> {
    Some(envelope.get_item(name).ok()?.filter(|value| !value.is_none()))
}

/// Makes a value of what it is shown. Its depth is bounded by `serde_json`.
#[derive(Clone, Copy)]
struct Reader<'py>(Python<'py>);

impl<'de, 'py> DeserializeSeed<'de> for Reader<'py> {
    type Value = Bound<'py, PyAny>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de, 'py> Visitor<'de> for Reader<'py> {
    type Value = Bound<'py, PyAny>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON that reads as Python reads it")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(self.0.None().into_bound(self.0))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(PyBool::new(self.0, value).to_owned().into_any())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(PyInt::new(self.0, value).into_any())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(PyInt::new(self.0, value).into_any())
    }

    /// `-0` is an integer of Python's, and so is what does not fit 64 bits.
    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        if value.abs() >= INTEGERS_MAX || (value == 0.0 && value.is_sign_negative()) {
            return Err(E::custom("left to Python"));
        }
        Ok(PyFloat::new(self.0, value).into_any())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(PyString::new(self.0, value).into_any())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let list = PyList::empty(self.0);
        while let Some(item) = items.next_element_seed(self)? {
            list.append(item).map_err(A::Error::custom)?;
        }
        Ok(list.into_any())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let dict = PyDict::new(self.0);
        while let Some(name) = items.next_key_seed(self)? {
            dict.set_item(name, items.next_value_seed(self)?).map_err(A::Error::custom)?;
        }
        Ok(dict.into_any())
    }
}
