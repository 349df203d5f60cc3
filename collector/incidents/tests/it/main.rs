//! The incident machine from outside: timelines as data, faults in every order, properties over random histories.

mod acts;
mod clocks;
mod faults;
mod pack;
mod properties;
mod relapse;
mod services;
mod silence;
mod timeline;
