"""A web server on this machine that can cut its answers, send the wrong content, or not know a file."""
import contextlib
import http.server
import multiprocessing


class Server(http.server.ThreadingHTTPServer):
    """Serves `files` (name -> bytes). `cuts[name]` lists how many bytes to send before each cut; then it sends all."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.cuts, self.requests = {}, {}, []  # requests: (name, Range header or None)
        self.links = {}                                    # name -> that of the next page of a list
        self.understands_ranges = True
        self.at_cut = lambda: None
        self.url = f"http://127.0.0.1:{self.server_port}/"

    def ranges(self, name):
        return [asked for requested, asked in self.requests if requested == name]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with contextlib.suppress(ConnectionError):  # a client that gives up is what some tests are about
            self.answer()

    def answer(self):
        name, asked = self.path[1:], self.headers["Range"]
        self.server.requests.append((name, asked))
        content = self.server.files.get(name)
        if content is None:
            return self.send_error(404)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.understands_ranges else 0
        if start and start >= len(content):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if name in self.server.links:
            self.send_header("Link", f'<{self.server.url}{self.server.links[name]}>; rel="next"')
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        cuts = self.server.cuts.get(name)
        if cuts:
            self.wfile.write(content[start:start + cuts.pop(0)])
            self.wfile.flush()
            self.server.at_cut()
        else:
            self.wfile.write(content[start:])

    def log_message(self, *arguments):
        pass


def in_two_processes(call, *arguments):
    """Makes the same call in two processes at once; neither may fail."""
    processes = [multiprocessing.get_context("fork").Process(target=call, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
