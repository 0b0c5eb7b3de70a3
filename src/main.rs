//! seatwatch
fn main() {}
