//! stub
use serde::{Deserialize, Serialize};
/// stub
#[derive(Debug, Serialize, Deserialize)]
pub struct Forgotten;
