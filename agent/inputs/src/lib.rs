//! Readings that come from other programs on or near the node: any Prometheus endpoint, a JSON document with a declared
//! mapping, and Ceph through both its manager and its daemons' admin sockets.
//!
//! What such a program says is foreign: its size, its names and its numbers are checked before anything of it becomes a
//! sample. Nothing here runs a command or writes anywhere; an input asks, within its limits and its time.

mod ceph;
mod complaint;
mod document;
mod exposition;
mod http;
mod metric;
mod names;
mod pace;
mod scrape;

pub use ceph::{Ceph, CephClusterProbe, CephDaemonsProbe};
pub use document::{Document, DocumentProbe};
pub use scrape::{Scrape, ScrapeProbe};
