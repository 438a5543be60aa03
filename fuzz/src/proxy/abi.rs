//! The functions that a proxy offers, as the ABI names them (proxy-wasm 0.2.1). Those that the filter never calls must be there
//! all the same, because the SDK names them; they fail the run.

use std::{ptr, slice};

use super::{HostVerifies, verify, with};

pub(super) const OK: u32 = 0;
pub(super) const NOT_FOUND: u32 = 1;
pub(super) const BAD_ARGUMENT: u32 = 2;
pub(super) const CAS_MISMATCH: u32 = 8;

const REQUEST_HEADERS: u32 = 0;
const CALLOUT_HEADERS: u32 = 6;
const CALLOUT_BODY: u32 = 4;
const PLUGIN_CONFIGURATION: u32 = 7;
const HTTP_REQUEST: u32 = 0;

unsafe extern "C" {
    safe fn proxy_on_memory_allocate(size: usize) -> *mut u8;
}

/// A slice that the filter lends.
fn lent<'a>(data: *const u8, size: usize) -> &'a [u8] {
    if data.is_null() {
        return &[];
    }
    // SAFETY: the filter passes slices of its own that live through the call.
    unsafe { slice::from_raw_parts(data, size) }
}

/// Hands bytes over to the filter, in memory that it allocates.
fn hand_over(bytes: &[u8], data: *mut *mut u8, size: *mut usize) -> u32 {
    // Like Envoy: nothing is allocated for nothing.
    let copy = if bytes.is_empty() { ptr::null_mut() } else { proxy_on_memory_allocate(bytes.len()) };
    // SAFETY: the memory was allocated for these bytes, and the pointers are the caller's for the answer.
    unsafe {
        if !copy.is_null() {
            ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len());
        }
        *data = copy;
        *size = bytes.len();
    }
    OK
}

/// Writes a number for the caller.
fn put<T>(place: *mut T, value: T) -> u32 {
    // SAFETY: the pointer is the caller's for the answer.
    unsafe { *place = value };
    OK
}

#[unsafe(no_mangle)]
extern "C" fn proxy_log(level: u32, message: *const u8, size: usize) -> u32 {
    super::Proxy::log(level, lent(message, size));
    OK
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_log_level(level: *mut u32) -> u32 {
    put(level, 0)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32 {
    put(time, with(|proxy| proxy.now) * 1_000_000)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_tick_period_milliseconds(period: u32) -> u32 {
    with(|proxy| proxy.set_tick_period(period));
    OK
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_buffer_bytes(
    buffer: u32,
    start: usize,
    max_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> u32 {
    let bytes = with(|proxy| match buffer {
        CALLOUT_BODY => proxy.response.as_ref().map(|response| response.body.clone()),
        PLUGIN_CONFIGURATION => proxy.roots.get(&proxy.effective).map(|root| root.configuration.clone()),
        _ => None,
    });
    let Some(bytes) = bytes else { return NOT_FOUND };
    let from = start.min(bytes.len());
    let to = from.saturating_add(max_size).min(bytes.len());
    hand_over(&bytes[from..to], data, size)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32 {
    let bytes = with(|proxy| {
        let head = proxy.faults.head.clone();
        let stream = proxy.stream()?;
        // After a request was let go its head is the next filter's.
        let is_there = map == REQUEST_HEADERS && stream.phase != super::Phase::Continued;
        is_there.then(|| head.unwrap_or_else(|| serialize(&stream.headers)))
    });
    bytes.map_or(BAD_ARGUMENT, |bytes| hand_over(&bytes, data, size))
}

/// As `pairs::serialize` does, of bytes that are not text.
fn serialize(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = number(pairs.len()).to_vec();
    for (name, value) in pairs {
        bytes.extend(number(name.len()));
        bytes.extend(number(value.len()));
    }
    for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend(text);
        bytes.push(0);
    }
    bytes
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_header_map_value(
    map: u32,
    name: *const u8,
    name_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> u32 {
    let name = lent(name, name_size);
    let value = with(|proxy| {
        let pairs = match map {
            CALLOUT_HEADERS => &proxy.response.as_ref()?.headers,
            REQUEST_HEADERS => &proxy.stream()?.headers,
            _ => return None,
        };
        pairs.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
    });
    value.map_or(NOT_FOUND, |value| hand_over(&value, data, size))
}

/// Changes the head of the request that hostcalls act on.
fn change(map: u32, name: &[u8], value: Option<&[u8]>, keep: bool) -> u32 {
    with(|proxy| {
        if proxy.faults.edit != OK {
            return proxy.faults.edit;
        }
        let Some(stream) = proxy.stream() else { return BAD_ARGUMENT };
        assert_eq!(map, REQUEST_HEADERS, "only a request's head may be changed");
        assert_ne!(stream.phase, super::Phase::Continued, "the head of a request that went on is changed");
        if !keep {
            stream.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        }
        if let Some(value) = value {
            super::assert_clean(name, value);
            stream.headers.push((name.to_ascii_lowercase(), value.to_vec()));
        }
        OK
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_remove_header_map_value(map: u32, name: *const u8, size: usize) -> u32 {
    change(map, lent(name, size), None, false)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_replace_header_map_value(
    map: u32,
    name: *const u8,
    name_size: usize,
    value: *const u8,
    value_size: usize,
) -> u32 {
    change(map, lent(name, name_size), Some(lent(value, value_size)), false)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_add_header_map_value(
    map: u32,
    name: *const u8,
    name_size: usize,
    value: *const u8,
    value_size: usize,
) -> u32 {
    change(map, lent(name, name_size), Some(lent(value, value_size)), true)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_property(
    path: *const u8,
    path_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> u32 {
    let value = with(|proxy| proxy.property(lent(path, path_size)));
    value.map_or(NOT_FOUND, |value| hand_over(&value, data, size))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_property(_: *const u8, _: usize, _: *const u8, _: usize) -> u32 {
    with(|proxy| if proxy.stream().is_some() { OK } else { BAD_ARGUMENT })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_get_shared_data(
    key: *const u8,
    key_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
    check: *mut u32,
) -> u32 {
    let found = with(|proxy| match proxy.faults.shared {
        OK => proxy.shared.get(lent(key, key_size)).cloned().ok_or(NOT_FOUND),
        fault => Err(fault),
    });
    match found {
        Ok((value, number)) => {
            put(check, number);
            hand_over(&value, data, size)
        }
        Err(fault) => fault,
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_shared_data(
    key: *const u8,
    key_size: usize,
    value: *const u8,
    value_size: usize,
    check: u32,
) -> u32 {
    with(|proxy| proxy.set_shared(lent(key, key_size), lent(value, value_size), check))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_continue_stream(stream: u32) -> u32 {
    assert_eq!(stream, HTTP_REQUEST, "only requests are resumed");
    with(super::Proxy::resume)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_send_local_response(
    status: u32,
    details: *const u8,
    details_size: usize,
    _body: *const u8,
    _body_size: usize,
    headers: *const u8,
    headers_size: usize,
    _grpc_status: i32,
) -> u32 {
    with(|proxy| proxy.answer(status, lent(details, details_size), lent(headers, headers_size)))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_http_call(
    cluster: *const u8,
    cluster_size: usize,
    headers: *const u8,
    headers_size: usize,
    _body: *const u8,
    body_size: usize,
    _trailers: *const u8,
    _trailers_size: usize,
    timeout: u32,
    token: *mut u32,
) -> u32 {
    assert_eq!(body_size, 0, "a callout with a body");
    let cluster = String::from_utf8_lossy(lent(cluster, cluster_size)).into_owned();
    match with(|proxy| proxy.dispatch(cluster, lent(headers, headers_size), timeout)) {
        Ok(number) => put(token, number),
        Err(fault) => fault,
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_effective_context(context: u32) -> u32 {
    with(|proxy| {
        if !proxy.roots.contains_key(&context) && !proxy.streams.contains_key(&context) {
            return BAD_ARGUMENT;
        }
        proxy.effective = context;
        OK
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_call_foreign_function(
    _name: *const u8,
    _name_size: usize,
    arguments: *const u8,
    arguments_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> u32 {
    let arguments = lent(arguments, arguments_size);
    match with(|proxy| proxy.faults.host_verifies) {
        HostVerifies::Nothing => NOT_FOUND,
        HostVerifies::WellAndTruly => match verify::verify(arguments) {
            Some(answer) => hand_over(&answer, data, size),
            None => BAD_ARGUMENT,
        },
        HostVerifies::Everything => hand_over(&[8, 1], data, size),
        HostVerifies::EveryOther if arguments.last().is_none_or(|last| last & 1 == 0) => {
            hand_over(&[8, 1], data, size)
        }
        HostVerifies::EveryOther => hand_over(&[], data, size),
        HostVerifies::Garbage => hand_over(arguments, data, size),
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_define_metric(_kind: u32, name: *const u8, size: usize, id: *mut u32) -> u32 {
    with(|proxy| {
        if proxy.faults.metric != OK {
            return proxy.faults.metric;
        }
        let name = String::from_utf8(lent(name, size).to_vec()).expect("a metric's name is text");
        assert!(name.chars().all(|letter| letter.is_ascii_graphic()), "a metric is called {name:?}");
        put(id, u32::try_from(proxy.metrics.len()).expect("metrics without end"));
        proxy.metrics.push((name, 0));
        OK
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_increment_metric(metric: u32, offset: i64) -> u32 {
    if offset == 0 {
        return BAD_ARGUMENT;
    }
    with(|proxy| proxy.count(metric, offset))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_record_metric(_metric: u32, _value: u64) -> u32 {
    OK
}

macro_rules! never_called {
    ($($name:ident)*) => { $(
        #[unsafe(no_mangle)]
        extern "C" fn $name() -> u32 {
            panic!(concat!("the filter called ", stringify!($name)))
        }
    )* };
}

never_called! {
    proxy_set_buffer_bytes proxy_set_header_map_pairs proxy_register_shared_queue proxy_resolve_shared_queue
    proxy_dequeue_shared_queue proxy_enqueue_shared_queue proxy_close_stream proxy_grpc_call proxy_grpc_stream proxy_grpc_send
    proxy_grpc_cancel proxy_grpc_close proxy_get_status proxy_done proxy_get_metric
}
