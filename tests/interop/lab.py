"""The laboratory of the interoperability suites: processes, ports, folders, waits and the score.

Knows nothing of DNS. Every process is started here and ended here, by its own id; everything listens on 127.0.0.1, on a port
that was free; a wait ends when what is waited for is there, and fails when its limit has passed.
"""
import contextlib
import itertools
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HOME = pathlib.Path(__file__).resolve().parent.parent.parent
# A termination ends in `finally`, so that no server is left behind.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

# How long whatever must come may take before it counts as not coming: seconds, generous for a busy machine.
PATIENCE = float(os.environ.get('INTEROP_PATIENCE', '120'))
PORTS_GIVEN = itertools.count()
# Debian keeps servers where an ordinary user's PATH does not lead.
PROGRAM_PATH = os.pathsep.join([os.environ.get('PATH', ''), '/usr/sbin', '/sbin'])


class Failure(Exception):
    """A rule that does not hold; its text is for a person."""


class Unfinished(Exception):
    """Something failed that the rest of a suite needs."""


def program(name):
    """The path of a program that the suites need; a missing one is an error, never a test left out."""
    found = shutil.which(name, path=PROGRAM_PATH)
    if found is None:
        sys.exit(f'{name} is not installed: run `make setup`')
    return found


def azimuth_binary():
    """The binary under test: AZIMUTH_BIN, else the newest built one."""
    if named := os.environ.get('AZIMUTH_BIN'):
        return str(pathlib.Path(named).resolve())
    built = [HOME / 'target' / profile / 'azimuth' for profile in ('release', 'ci', 'debug')]
    built = [path for path in built if path.exists()]
    if not built:
        sys.exit('there is no azimuth binary: run `make build`, or set AZIMUTH_BIN')
    return str(max(built, key=lambda path: path.stat().st_mtime))


def free_port():
    """A port that is free for UDP and TCP on 127.0.0.1, and stays so: it is none that the system gives to clients (those begin at
    32768), and is given here once. Whoever listens there can end and listen again, and where nobody listens nobody will."""
    for _ in range(20_000):
        # Other processes begin elsewhere.
        port = 12_000 + (os.getpid() * 7919 + next(PORTS_GIVEN)) % 20_000
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, contextlib.suppress(OSError):
            # As servers bind it, which may follow one that has just ended.
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tcp.bind(('127.0.0.1', port))
            tcp.listen()
            udp.bind(('127.0.0.1', port))
            return port
    raise Failure('no port is free for both UDP and TCP')


def wait_until(what, condition, limit=None):
    """Asks until `condition()` is true and returns what it said; fails with `what` when the limit has passed."""
    end = time.monotonic() + (limit or PATIENCE)
    pause = 0.002
    while not (value := condition()):
        if time.monotonic() > end:
            raise Failure(f'waited in vain: {what() if callable(what) else what}')
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    return value


class Process:
    """A program in the foreground, with its output in a file."""

    def __init__(self, argv, folder, **options):
        self.argv = [str(word) for word in argv]
        self.log_path = pathlib.Path(folder) / 'output.log'
        with open(self.log_path, 'ab') as log:
            self.child = subprocess.Popen(self.argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          start_new_session=True, **options)
        self.pid = self.child.pid

    def alive(self):
        return self.child.poll() is None

    def log(self):
        return self.log_path.read_text(errors='replace')

    def signal(self, number):
        self.child.send_signal(number)

    def kill(self):
        """As a power cut does: nothing is said to the program."""
        self._signal_group(signal.SIGKILL)
        self.child.wait()

    def stop(self):
        """Asks it to end, and after ten seconds no longer asks."""
        if self.alive():
            self.child.terminate()
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                pass
        # Helpers that outlived it are of its own process group, which nothing else is in.
        self._signal_group(signal.SIGKILL)
        self.child.wait()

    def _signal_group(self, number):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


class Lab:
    """One suite: its folder, its servers, and what it has found. Use as a context manager."""

    def __init__(self, name, keep=False):
        self.name = name
        self.keep = keep
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f'azimuth-{name}-'))
        self.servers = []
        self.started = 0
        self.passed = 0
        self.failures = []
        self.begun = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        for server in reversed(self.servers):
            server.stop()
        if self.keep or (self.failures and os.environ.get('INTEROP_KEEP')):
            print(f'what was written is kept in {self.folder}')
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def subfolder(self, name):
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def add(self, server):
        """A server to stop at the end."""
        self.servers.append(server)
        return server

    def remove(self, server):
        server.stop()
        self.servers.remove(server)

    @contextlib.contextmanager
    def part(self):
        """One part of a suite: what it needed and did not get ends the part, and with it the servers that it started."""
        before = list(self.servers)
        try:
            yield
        except Unfinished:
            pass
        finally:
            for server in [server for server in self.servers if server not in before]:
                self.remove(server)

    @contextlib.contextmanager
    def check(self, rule, needed=False):
        """One test: whatever its block raises is its failure, and the suite goes on, unless what follows needs it."""
        begun = time.monotonic()
        try:
            yield
        except Failure as failure:
            self.failures.append(rule)
            print(f'FAILED  {rule}: {failure}', flush=True)
        except Unfinished:
            raise
        except Exception as error:  # pylint: disable=broad-exception-caught
            self.failures.append(rule)
            print(f'FAILED  {rule}: {type(error).__name__}: {error}', flush=True)
        else:
            self.passed += 1
            print(f'ok      {rule} ({time.monotonic() - begun:.1f} s)', flush=True)
            return
        if len(self.failures) == 1:
            for server in self.servers:
                print(f'        the end of the log of {server.label}:', *server.complaints(), sep='\n          ', flush=True)
        if needed:
            raise Unfinished

    def score(self):
        """Prints the score and returns the exit code."""
        seconds = time.monotonic() - self.begun
        print(f'{self.name}: {self.passed} passed, {len(self.failures)} failed ({seconds:.0f} s)', flush=True)
        return 1 if self.failures or not self.passed else 0


def run(argv, folder=None, text=None, limit=None, check=True):
    """Runs a program to its end; a code other than 0 is a failure that shows what it said."""
    argv = [program(argv[0]), *map(str, argv[1:])]
    done = subprocess.run(argv, cwd=folder, input=text, capture_output=True, text=True, timeout=limit or PATIENCE * 4,
                          check=False)
    if check and done.returncode != 0:
        raise Failure(f'{" ".join(argv)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}')
    return done


def expect(condition, message):
    if not condition:
        raise Failure(message() if callable(message) else message)
