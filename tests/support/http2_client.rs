//! A client of HTTP/2, which Node.js brings along.

use serde_json::json;
use std::net::SocketAddr;
use std::process::Command;

/// Sends one request, its fields apart where a name is there several times, and prints the status.
const SCRIPT: &str = r"
const { connect } = require('node:http2');
const { address, headers, body } = JSON.parse(process.argv[1]);
const fields = {};
for (const [name, value] of headers) {
  if (name.startsWith(':')) fields[name] = value;
  else (fields[name] ??= []).push(value);
}
const session = connect(`http://${address}`);
session.on('error', (error) => { console.error(error); process.exit(1); });
const stream = session.request(fields, { endStream: body === null });
stream.on('error', (error) => { console.error(error); process.exit(1); });
stream.on('response', (response) => console.log(response[':status']));
stream.on('end', () => session.close());
stream.resume();
if (body !== null) stream.end(body);
";

/// The status of the answer to a request with these fields, pseudo-headers among them.
pub(crate) fn exchange(address: SocketAddr, headers: &[(&str, &str)], body: Option<&str>) -> u16 {
    let request = json!({ "address": address, "headers": headers, "body": body });
    let output = Command::new("node").args(["-e", SCRIPT, &request.to_string()]).output();
    let output = output.unwrap_or_else(|error| panic!("node: {error}: Node.js 20 or newer is needed"));
    let status = String::from_utf8_lossy(&output.stdout).trim().parse();
    status.unwrap_or_else(|_error| panic!("no answer: {}", String::from_utf8_lossy(&output.stderr)))
}
