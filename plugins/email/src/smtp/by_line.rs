//! A connection of which no read goes past the end of a line.
//!
//! lettre keeps what it has read beyond an answer, over STARTTLS too: what somebody on the way puts
//! behind the server's answer, while all is still in the clear, would be taken for what the server
//! says over TLS. A whole session of such answers, and a mail is gone that nobody has taken over.
//! So lettre gets a line at a time, and what stands behind the last one in the clear is found by the
//! handshake, which fails over it.
//!
//! Knows nothing of the protocol: every read is like that, before the encryption and after it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead as _, AsyncRead, AsyncWrite, BufReader, ReadBuf};

/// A stream that is read line by line, and written as it is.
#[derive(Debug)]
pub(super) struct ByLine<S>(BufReader<S>);

impl<S: AsyncRead> ByLine<S> {
    pub(super) fn new(stream: S) -> Self {
        Self(BufReader::new(stream))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ByLine<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let come = ready!(Pin::new(&mut self.0).poll_fill_buf(context))?;
        let line = come.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        let count = line.len().min(buffer.remaining());
        buffer.put_slice(line.get(..count).unwrap_or_default());
        Pin::new(&mut self.0).consume(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ByLine<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    /// Whatever came at once, and however much is asked for.
    #[tokio::test]
    async fn a_read_ends_with_a_line() {
        let mut stream = ByLine::new(&b"220 go\r\n250 ok\r\n\n354"[..]);
        let mut reads = Vec::new();
        for most in [100, 4, 100, 100, 100, 100] {
            let mut buffer = vec![0; most];
            let count = stream.read(&mut buffer).await.unwrap();
            reads.push(String::from_utf8(buffer[..count].to_vec()).unwrap());
        }
        assert_eq!(reads, ["220 go\r\n", "250 ", "ok\r\n", "\n", "354", ""]);
    }
}
