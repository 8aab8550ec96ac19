//! Reading the probe port.

use std::collections::HashMap;

use chassis::ServerHandle;
use http::Request as HttpRequest;
use http_body_util::{BodyExt as _, Full};

/// `GET` on the probe port: status and page.
pub async fn get(handle: &ServerHandle, path: &str) -> (u16, String) {
    let stream = tokio::net::TcpStream::connect(handle.probe).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let request =
        HttpRequest::get(path).header("host", "probe").body(Full::new(bytes::Bytes::new())).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let code = response.status().as_u16();
    (code, String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

/// The value of a counter with these labels, 0 if it was never counted.
pub fn counter(page: &str, name: &str, labels: &HashMap<&str, &str>) -> f64 {
    let fits = |line: &&str| {
        line.starts_with(name)
            && labels.iter().all(|(key, value)| line.contains(&format!("{key}=\"{value}\"")))
    };
    page.lines().filter(fits).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
