//! The proxy's functions: the only file that names hostcalls, and the only one with `unsafe`.
//!
//! Where the SDK's wrapper would panic on something that can happen (a header that is not UTF-8, a status that it does not
//! expect), the raw function is called instead: a panic takes down the worker's VM with every request in it.

use std::{ptr, time::Duration};

use proxy_wasm::{
    hostcalls,
    types::{BufferType, MapType},
};

use crate::{
    edit::Edit,
    keys::{Check, Entry, Fetch, FetchFault, Response, SharedData, Written},
    pairs,
    reply::{GrpcStatus, Reply},
    time::Timestamp,
};

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const CAS_MISMATCH: u32 = 8;
const HTTP_REQUEST_HEADERS: u32 = 0;
/// "Not a gRPC answer": the proxy decides by itself.
const NO_GRPC_STATUS: i32 = -1;

/// The time. The SDK's form makes it a `SystemTime`, which takes arithmetic of 128 bits to undo.
pub(super) fn now() -> Timestamp {
    let mut nanoseconds = 0_u64;
    #[expect(unsafe_code, reason = "an out-pointer that lives through the call")]
    let status = unsafe { proxy_get_current_time_nanoseconds(&raw mut nanoseconds) };
    match i64::try_from(nanoseconds / 1_000_000) {
        Ok(milliseconds) if status == OK => Timestamp::from_millis(milliseconds),
        _ => Timestamp::UNKNOWN,
    }
}

/// The plugin's configuration; to be had in `on_configure` only.
pub(super) fn configuration() -> Vec<u8> {
    hostcalls::get_buffer(BufferType::PluginConfiguration, 0, usize::MAX).ok().flatten().unwrap_or_default()
}

/// Asks for a tick after `period`, and again after each; zero stops them.
pub(super) fn set_tick_period(period: Duration) {
    if let Err(status) = hostcalls::set_tick_period(period) {
        log::error!("the proxy refuses a timer ({status:?}): keys will not be fetched");
    }
}

/// Makes the hostcalls that follow act on this context, a request's or the root; false when it is gone.
pub(super) fn enter(context: u32) -> bool {
    hostcalls::set_effective_context(context).is_ok()
}

/// Lets a paused request go on. Its headers cannot be touched afterwards.
pub(super) fn resume() {
    if let Err(status) = hostcalls::resume_http_request() {
        log::error!("the proxy does not resume a request ({status:?})");
    }
}

/// Sends a callout and returns its token.
pub(super) fn dispatch(fetch: &Fetch, timeout: Duration) -> Result<u32, FetchFault> {
    let authority = fetch.url.authority();
    let headers = vec![
        (":method", "GET"),
        (":scheme", fetch.url.scheme().name()),
        (":authority", &authority),
        (":path", fetch.url.target()),
        ("accept", "application/json"),
        ("user-agent", concat!("validate-jwt/", env!("CARGO_PKG_VERSION"))),
    ];
    hostcalls::dispatch_http_call(&fetch.cluster, headers, None, Vec::new(), timeout)
        .map_err(|_| FetchFault::NotSent)
}

/// The answer to the callout whose callback runs. A body over `max_body` bytes stays in the proxy, and so does that of an error,
/// which nobody reads.
pub(super) fn callout_response(
    num_headers: usize,
    body_size: usize,
    max_body: usize,
) -> Result<Response, FetchFault> {
    if num_headers == 0 {
        return Err(FetchFault::Broken);
    }
    let status = hostcalls::get_map_value_bytes(MapType::HttpCallResponseHeaders, ":status")
        .ok()
        .flatten()
        .and_then(|status| std::str::from_utf8(&status).ok()?.parse().ok())
        .ok_or(FetchFault::Broken)?;
    if status != 200 {
        return Ok(Response { status, body: Vec::new() });
    }
    if body_size > max_body {
        return Err(FetchFault::TooLarge);
    }
    let body = hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, body_size).ok().flatten();
    Ok(Response { status, body: body.unwrap_or_default() })
}

#[link(wasm_import_module = "env")]
#[expect(unsafe_code, reason = "the SDK has no safe form of these")]
unsafe extern "C" {
    fn proxy_get_current_time_nanoseconds(nanoseconds: *mut u64) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        arguments: *const u8,
        arguments_size: usize,
        result: *mut *mut u8,
        result_size: *mut usize,
    ) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        value: *mut *mut u8,
        value_size: *mut usize,
        check: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
        check: u32,
    ) -> u32;
    fn proxy_add_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, value_size: usize) -> u32;
    fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_define_metric(kind: MetricKind, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
}

/// What a metric does.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(super) enum MetricKind {
    /// Goes up.
    Counter = 0,
    /// Goes up and down.
    Gauge = 1,
    /// Collects values.
    Histogram = 2,
}

/// Every header of the request, duplicates included, as [`pairs::parse`] reads it; the SDK's form panics on a name that is not
/// UTF-8.
pub(super) fn request_headers() -> Option<Vec<u8>> {
    let (mut data, mut size) = (ptr::null_mut(), 0);
    #[expect(unsafe_code, reason = "two out-pointers that live through the call")]
    let status = unsafe { proxy_get_header_map_pairs(HTTP_REQUEST_HEADERS, &raw mut data, &raw mut size) };
    let bytes = take(data, size);
    (status == OK).then_some(bytes)
}

/// The proxy does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

/// One header of the request, of which a proxy may show the first copy only; `None` where there is none. The SDK's form panics on a
/// status that it does not know.
pub(super) fn request_header(name: &str) -> Result<Option<Vec<u8>>, Unreadable> {
    let (mut data, mut size) = (ptr::null_mut(), 0);
    #[expect(unsafe_code, reason = "a slice and two out-pointers that live through the call")]
    let status = unsafe {
        proxy_get_header_map_value(
            HTTP_REQUEST_HEADERS,
            name.as_ptr(),
            name.len(),
            &raw mut data,
            &raw mut size,
        )
    };
    let value = take(data, size);
    match status {
        OK => Ok(Some(value)),
        NOT_FOUND => Ok(None),
        _ => Err(Unreadable),
    }
}

/// Adds a copy of a header to the request; false when the proxy refuses.
pub(super) fn add_header(name: &str, value: &[u8]) -> bool {
    write_header(proxy_add_header_map_value, name, value)
}

/// Puts a header in the place of the one that is there; false when the proxy refuses.
pub(super) fn replace_header(name: &str, value: &[u8]) -> bool {
    write_header(proxy_replace_header_map_value, name, value)
}

/// Answers the request; the SDK's form cannot say why (`%RESPONSE_CODE_DETAILS%`).
pub(super) fn send(reply: &Reply) {
    let headers: Vec<_> = reply.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let headers = pairs::serialize(&headers);
    #[expect(unsafe_code, reason = "slices that live through the call")]
    let status = unsafe {
        proxy_send_local_response(
            reply.status.into(),
            reply.details.as_ptr(),
            reply.details.len(),
            reply.body.as_ptr(),
            reply.body.len(),
            headers.as_ptr(),
            headers.len(),
            reply.grpc_status.map_or(NO_GRPC_STATUS, GrpcStatus::code),
        )
    };
    if status != OK {
        // The request stays paused: closed, though without an answer.
        log::error!("the proxy does not send an answer (status {status})");
    }
}

/// Envoy's foreign function; `None` on a host without it. The SDK's form panics on a status that it does not know.
pub(super) fn verify_signature(arguments: &[u8]) -> Option<Vec<u8>> {
    const NAME: &str = "verify_signature";
    let (mut data, mut size) = (ptr::null_mut(), 0);
    #[expect(unsafe_code, reason = "slices and two out-pointers that live through the call")]
    let status = unsafe {
        proxy_call_foreign_function(
            NAME.as_ptr(),
            NAME.len(),
            arguments.as_ptr(),
            arguments.len(),
            &raw mut data,
            &raw mut size,
        )
    };
    let result = take(data, size);
    (status == OK).then_some(result)
}

/// The name that the proxy's configuration gives this plugin.
pub(super) fn plugin_name() -> Option<String> {
    text_property("plugin_name")
}

/// The `root_id` that the proxy's configuration gives this plugin.
pub(super) fn plugin_root_id() -> Option<String> {
    text_property("plugin_root_id")
}

fn text_property(name: &str) -> Option<String> {
    let value = property(&[name.to_owned()])?;
    String::from_utf8(value).ok().filter(|value| !value.is_empty())
}

/// A property of the request, or of the proxy; `None` when there is none of this path.
pub(super) fn property(path: &[String]) -> Option<Vec<u8>> {
    let path = path.join("\0");
    let (mut data, mut size) = (ptr::null_mut(), 0);
    #[expect(unsafe_code, reason = "a slice and two out-pointers that live through the call")]
    let status = unsafe { proxy_get_property(path.as_ptr(), path.len(), &raw mut data, &raw mut size) };
    let value = take(data, size);
    (status == OK).then_some(value)
}

/// Sets the request's filter state `wasm.<name>`, which access logs and later filters can read.
pub(super) fn set_variable(name: &str, value: &[u8]) {
    #[expect(unsafe_code, reason = "slices that live through the call")]
    let status = unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) };
    if status != OK {
        log::error!("the proxy does not set the variable `{name}` (status {status})");
    }
}

/// Changes the request's head; false when the proxy refuses.
pub(super) fn edit(edit: &Edit) -> bool {
    match edit {
        Edit::Remove(name) => remove_header(name.as_bytes()),
        // A pseudo-header is there once, and cannot be away.
        Edit::Set(name, value) if name.starts_with(':') => replace_header(name, value),
        // "Replace" leaves what becomes of further copies to the proxy.
        Edit::Set(name, value) => remove_header(name.as_bytes()) && add_header(name, value),
    }
}

/// A function that takes a map, a name with its size and a value with its size.
type WriteHeader = unsafe extern "C" fn(u32, *const u8, usize, *const u8, usize) -> u32;

fn write_header(write: WriteHeader, name: &str, value: &[u8]) -> bool {
    #[expect(unsafe_code, reason = "slices that live through the call")]
    let status =
        unsafe { write(HTTP_REQUEST_HEADERS, name.as_ptr(), name.len(), value.as_ptr(), value.len()) };
    status == OK
}

/// Takes every copy of a header out of the request; false when the proxy refuses.
pub(super) fn remove_header(name: &[u8]) -> bool {
    #[expect(unsafe_code, reason = "a slice that lives through the call")]
    let status = unsafe { proxy_remove_header_map_value(HTTP_REQUEST_HEADERS, name.as_ptr(), name.len()) };
    status == OK
}

/// Defines a metric; `None` when the proxy refuses.
pub(super) fn define_metric(kind: MetricKind, name: &str) -> Option<u32> {
    let mut id = 0;
    #[expect(unsafe_code, reason = "a slice and an out-pointer that live through the call")]
    let status = unsafe { proxy_define_metric(kind, name.as_ptr(), name.len(), &raw mut id) };
    (status == OK).then_some(id)
}

/// A variable of the VM's environment (`vm_config.environment_variables`).
#[expect(clippy::disallowed_methods, reason = "here it comes in, for the core to take as an argument")]
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Adds to a counter, or to a gauge, from which it may also take away.
pub(super) fn add_to_metric(id: u32, change: i64) {
    #[expect(unsafe_code, reason = "plain numbers")]
    let _refused = unsafe { proxy_increment_metric(id, change) };
}

/// Sets a gauge, or adds a value to a histogram.
pub(super) fn record_metric(id: u32, value: u64) {
    #[expect(unsafe_code, reason = "plain numbers")]
    let _refused = unsafe { proxy_record_metric(id, value) };
}

/// What the VMs of this proxy process share.
#[derive(Debug)]
pub(super) struct Shared;

impl SharedData for Shared {
    fn read(&self, name: &str) -> Option<Entry> {
        let (mut data, mut size, mut check) = (ptr::null_mut(), 0, 0);
        #[expect(unsafe_code, reason = "a slice and three out-pointers that live through the call")]
        let status = unsafe {
            proxy_get_shared_data(name.as_ptr(), name.len(), &raw mut data, &raw mut size, &raw mut check)
        };
        let value = take(data, size);
        (status == OK).then_some(Entry { value, check })
    }

    fn write(&self, name: &str, value: &[u8], check: Check) -> Written {
        let check = match check {
            // A check value that no stored value has: the proxy then stores only what is not there yet.
            Check::Absent => u32::MAX,
            Check::Unchanged(check) => check,
            Check::Any => 0,
        };
        #[expect(unsafe_code, reason = "slices that live through the call")]
        let status =
            unsafe { proxy_set_shared_data(name.as_ptr(), name.len(), value.as_ptr(), value.len(), check) };
        match status {
            OK => Written::Stored,
            CAS_MISMATCH => Written::Conflict,
            _ => Written::Unshared,
        }
    }
}

/// Takes over a buffer that the proxy filled.
fn take(data: *mut u8, size: usize) -> Vec<u8> {
    if data.is_null() {
        return Vec::new();
    }
    #[expect(
        unsafe_code,
        reason = "the proxy allocates by the SDK's `proxy_on_memory_allocate`, a boxed slice of exactly this size"
    )]
    unsafe {
        Box::from_raw(ptr::slice_from_raw_parts_mut(data, size)).into_vec()
    }
}
