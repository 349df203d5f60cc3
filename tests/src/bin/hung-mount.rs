//! Mounts a file system that never answers, as a file server that is gone, and runs a program beside it:
//! `hung-mount MOUNTPOINT PROGRAM ARGUMENT...`, in namespaces of its own (`unshare -m -p -f --mount-proc`), which end with it.
//!
//! A line on standard input lets it answer; the end of standard input ends the program and the mount. Requests are left in the
//! kernel's queue, not taken and kept: as with NFS, a process that waits for one can still be killed.

#![allow(clippy::print_stdout, reason = "a program whose output is its result")]

use anyhow::{Context, Result, bail, ensure};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::ffi::CString;
use std::fs::File;
use std::io::{BufRead, Read, Write};
use std::os::fd::AsRawFd;
use std::process::Command;

/// `FUSE_STATFS` and `FUSE_INIT` of <linux/fuse.h>.
const STATFS: u32 = 17;
const INIT: u32 = 26;
/// Length of `fuse_in_header` and of `fuse_out_header`.
const IN_BYTES: usize = 40;
const OUT_BYTES: usize = 16;
/// `FUSE_MIN_READ_BUFFER`.
const BUFFER_BYTES: usize = 8_192;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let point = arguments.next().context("hung-mount MOUNTPOINT PROGRAM ARGUMENT...")?;
    let program = arguments.next().context("hung-mount MOUNTPOINT PROGRAM ARGUMENT...")?;
    let device = File::options().read(true).write(true).open("/dev/fuse").context("/dev/fuse")?;
    let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
    let options = CString::new(options)?;
    mount("nowhere", &*point, "fuse.hung", MountFlags::empty(), &*options).context("mount")?;
    let (kind, unique) = request(&device)?;
    ensure!(kind == INIT, "the kernel begins with request {kind}");
    answer(&device, unique, &init())?;

    let mut child = Command::new(program).args(arguments).spawn().context("the program")?;
    println!("{}", child.id());
    let mut line = String::new();
    let is_released = std::io::stdin().lock().read_line(&mut line)? > 0;
    if is_released {
        let answering = device.try_clone()?;
        std::thread::spawn(move || while serve(&answering).is_ok() {});
        std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink())?;
    }
    drop(child.kill());
    child.wait()?;
    unmount(&*point, UnmountFlags::DETACH).context("umount")
}

/// Kind and number of the next request.
fn request(mut device: &File) -> Result<(u32, u64)> {
    let mut buffer = [0; BUFFER_BYTES];
    let length = device.read(&mut buffer)?;
    ensure!(length >= IN_BYTES, "a request of {length} bytes");
    let [_, _, _, _, a, b, c, d, rest @ ..] = buffer;
    let Some(unique) = rest.first_chunk() else { bail!("a request without a number") };
    Ok((u32::from_ne_bytes([a, b, c, d]), u64::from_ne_bytes(*unique)))
}

fn serve(device: &File) -> Result<()> {
    let (kind, unique) = request(device)?;
    match kind {
        STATFS => answer(device, unique, &statfs()),
        _ => respond(device, unique, -38, &[]),
    }
}

fn answer(device: &File, unique: u64, body: &[u8]) -> Result<()> {
    respond(device, unique, 0, body)
}

fn respond(mut device: &File, unique: u64, error: i32, body: &[u8]) -> Result<()> {
    let length = u32::try_from(OUT_BYTES + body.len())?;
    let head = [&length.to_ne_bytes()[..], &error.to_ne_bytes(), &unique.to_ne_bytes()].concat();
    device.write_all(&[&head, body].concat())?;
    Ok(())
}

/// `fuse_init_out`: version 7.31, nothing beyond the least.
fn init() -> Vec<u8> {
    let mut body = vec![0; 64];
    body[..4].copy_from_slice(&7_u32.to_ne_bytes());
    body[4..8].copy_from_slice(&31_u32.to_ne_bytes());
    body[20..24].copy_from_slice(&4_096_u32.to_ne_bytes());
    body
}

/// `fuse_statfs_out`: 1,000 blocks of 4 KiB, half of them free.
fn statfs() -> Vec<u8> {
    let counts: [u64; 5] = [1_000, 500, 500, 100, 50];
    let sizes: [u32; 4] = [4_096, 255, 4_096, 0];
    let mut body: Vec<u8> = counts.iter().flat_map(|count| count.to_ne_bytes()).collect();
    body.extend(sizes.iter().flat_map(|size| size.to_ne_bytes()));
    body.resize(80, 0);
    body
}
