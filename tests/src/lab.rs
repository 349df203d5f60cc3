//! The hardware laboratory: a guest with a real kernel, in which the shipped agent watches emulated and software-defined
//! hardware, and a collector outside that judges.

pub mod bmc;
pub mod channel;
pub mod guest;
pub mod image;
pub mod monitor;
