//! Where bytes travel: over the machine's network, or over one inside the process that a simulation drives.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tonic::transport::{Channel, Endpoint};

/// What servers listen on and clients connect over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Network {
    #[default]
    Tcp,
    /// Turmoil's, for code that runs on one of its hosts.
    #[cfg(feature = "simulation")]
    Simulated,
}

impl Network {
    /// A channel that connects when first used.
    pub(crate) fn channel(self, endpoint: &Endpoint) -> Channel {
        match self {
            Self::Tcp => endpoint.connect_lazy(),
            #[cfg(feature = "simulation")]
            Self::Simulated => endpoint.connect_with_connector_lazy(tower::service_fn(simulated::connect)),
        }
    }

    /// Opens a port, with the address that it really has.
    pub(crate) async fn bind(self, listen: SocketAddr) -> io::Result<(Listener, SocketAddr)> {
        match self {
            Self::Tcp => {
                let listener = TcpListener::bind(listen).await?;
                let actual = listener.local_addr()?;
                Ok((Listener::Tcp(listener), actual))
            }
            #[cfg(feature = "simulation")]
            Self::Simulated => simulated::bind(listen).await,
        }
    }
}

/// An open port.
pub(crate) enum Listener {
    Tcp(TcpListener),
    #[cfg(feature = "simulation")]
    Simulated(turmoil::net::TcpListener),
}

/// A connection that somebody opened.
pub(crate) enum Stream {
    Tcp(TcpStream),
    #[cfg(feature = "simulation")]
    Simulated(turmoil::net::TcpStream),
}

impl Listener {
    pub(crate) async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => Ok(Stream::Tcp(listener.accept().await?.0)),
            #[cfg(feature = "simulation")]
            Self::Simulated(listener) => Ok(Stream::Simulated(listener.accept().await?.0)),
        }
    }
}

#[cfg(feature = "simulation")]
mod simulated {
    use std::net::Ipv4Addr;

    use hyper_util::rt::TokioIo;

    use super::{Listener, SocketAddr, io};

    /// Hosts of a simulation are reached by name; their own loopback leads nowhere else.
    pub(super) async fn bind(listen: SocketAddr) -> io::Result<(Listener, SocketAddr)> {
        let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, listen.port()));
        let listener = turmoil::net::TcpListener::bind(everywhere).await?;
        let actual = listener.local_addr()?;
        Ok((Listener::Simulated(listener), actual))
    }

    pub(super) async fn connect(uri: http::Uri) -> io::Result<TokioIo<turmoil::net::TcpStream>> {
        let port = uri.port_u16().unwrap_or(80);
        let host = uri.host().unwrap_or_default().to_owned();
        Ok(TokioIo::new(turmoil::net::TcpStream::connect((host, port)).await?))
    }
}
