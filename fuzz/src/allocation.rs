//! A global allocator that counts, and ends the process when one run holds more than it may.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    process,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// What the filter may hold, whatever an input is: one configuration of a mebibyte, read and compiled, and answers of the size
/// that the limits allow (`MAX_CONFIGURATION_BYTES`, `fetch.max-response-bytes`, `options.max-token-bytes`).
const BASE_BYTES: usize = 8 << 20;

/// … and for each byte of the input: the smallest JSON value is two bytes (`0,`) and takes a node of the tree, whose list may
/// have grown to twice its size.
const BYTES_FOR_EACH: usize = 256;

static HELD: AtomicUsize = AtomicUsize::new(0);
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);
static MOST: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static COUNTING: Counting = Counting;

struct Counting;

// SAFETY: everything is the system allocator's; around it, numbers are counted without allocating.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both are held while one is copied to the other.
        count(size);
        HELD.fetch_sub(layout.size(), Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn count(size: usize) {
    let held = HELD.fetch_add(size, Relaxed).wrapping_add(size);
    if held > LIMIT.load(Relaxed) {
        // Without the message this would be a crash that nobody can tell from another.
        LIMIT.store(usize::MAX, Relaxed);
        eprintln!(
            "a run holds {held} bytes, more than its limit; the last allocation is one of {size} bytes"
        );
        process::abort();
    }
    MOST.fetch_max(held, Relaxed);
}

/// Does `run` with an input of `input` bytes, and ends the process if that ever holds more than the limits warrant.
pub fn bounded<R>(input: usize, run: impl FnOnce() -> R) -> R {
    let before = HELD.load(Relaxed);
    LIMIT.store(before + BASE_BYTES + BYTES_FOR_EACH * input, Relaxed);
    let result = run();
    LIMIT.store(usize::MAX, Relaxed);
    result
}

/// The most bytes that were held at a time since the process began.
pub fn most() -> usize {
    MOST.load(Relaxed)
}
