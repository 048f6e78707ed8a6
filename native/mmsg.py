# cython: language_level=3
"""Datagrams by the batch: Linux's recvmmsg and sendmmsg, which Cython makes into twsip.transport._mmsg (house rule: the fast path).

Cython's pure Python mode; it runs only when compiled.  `twsip.transport.batches` has the same in plain Python.
"""

import cython
from cython.cimports.cpython.bytes import PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cython.cimports.libc.errno import EINTR, errno
from cython.cimports.libc.stdlib import calloc, free, malloc
from cython.cimports.sockets import MSG_DONTWAIT, MSG_TRUNC, iovec, mmsghdr, recvmmsg, sendmmsg, sockaddr_storage

MOST_SLOTS = 1024
"""The kernel takes no more messages in one call."""
MOST_BYTES = 65536
MOST_NAME = cython.declare(cython.Py_ssize_t, cython.sizeof(sockaddr_storage))


@cython.final
@cython.cclass
class Batch:
    """Room for so many datagrams of so many bytes each, and for sending as many.

    It belongs to one thread: what is received is copied out before the call returns, so that all sockets may share it.
    Memory of a slot that was never filled is never touched.
    """

    _size: cython.int
    _longest: cython.size_t
    _dirty: cython.int
    _buffers: cython.p_char
    _names: cython.pointer(sockaddr_storage)
    _incoming: cython.pointer(mmsghdr)
    _outgoing: cython.pointer(mmsghdr)
    _pieces: cython.pointer(iovec)

    def __cinit__(self, size: cython.int, longest: cython.int):
        if not 0 < size <= MOST_SLOTS or not 0 < longest <= MOST_BYTES:
            raise ValueError("a batch has 1 to 1024 slots of 1 to 65536 bytes")
        index: cython.int
        slots: cython.size_t = size
        self._size = size
        self._longest = longest
        self._buffers = cython.cast(cython.p_char, malloc(slots * self._longest))
        self._names = cython.cast(cython.pointer(sockaddr_storage), calloc(slots, cython.sizeof(sockaddr_storage)))
        self._incoming = cython.cast(cython.pointer(mmsghdr), calloc(slots, cython.sizeof(mmsghdr)))
        self._outgoing = cython.cast(cython.pointer(mmsghdr), calloc(slots, cython.sizeof(mmsghdr)))
        # The first half is for receiving, the second for sending.
        self._pieces = cython.cast(cython.pointer(iovec), calloc(2 * slots, cython.sizeof(iovec)))
        if not (self._buffers and self._names and self._incoming and self._outgoing and self._pieces):
            raise MemoryError
        self._dirty = size
        for index in range(size):
            self._pieces[index].iov_base = self._buffers + index * self._longest
            self._pieces[index].iov_len = self._longest
            self._incoming[index].msg_hdr.msg_iov = cython.address(self._pieces[index])
            self._incoming[index].msg_hdr.msg_iovlen = 1
            self._incoming[index].msg_hdr.msg_name = cython.address(self._names[index])
            self._outgoing[index].msg_hdr.msg_iov = cython.address(self._pieces[size + index])
            self._outgoing[index].msg_hdr.msg_iovlen = 1

    def __dealloc__(self):
        free(self._buffers)
        free(self._names)
        free(self._incoming)
        free(self._outgoing)
        free(self._pieces)

    def receive(self, fileno: cython.int, flows: dict, meet: object, kind: type, at: object, into: list) -> cython.int:
        """Append one of this kind, made of data, flow and `at`, for each datagram there is, at most a batch; else the error number.

        `flows` finds the flow by the sender's address as the kernel writes it; `meet(address)` gives that of an unknown one, or
        None: then its datagram is dropped, as one is that did not fit.
        """
        index: cython.int
        got: cython.int
        length: cython.Py_ssize_t
        for index in range(self._dirty):
            self._incoming[index].msg_hdr.msg_namelen = cython.sizeof(sockaddr_storage)
        self._dirty = 0
        got = recvmmsg(fileno, self._incoming, self._size, MSG_DONTWAIT, cython.NULL)
        if got < 0:
            return errno
        self._dirty = got
        for index in range(got):
            length = self._incoming[index].msg_hdr.msg_namelen
            if self._incoming[index].msg_hdr.msg_flags & MSG_TRUNC or length > MOST_NAME:
                continue
            key: bytes = PyBytes_FromStringAndSize(
                cython.cast(cython.p_char, cython.address(self._names[index])), length
            )
            flow = flows.get(key)
            if flow is None:
                flow = meet(key)
                if flow is None:
                    continue
            data: bytes = PyBytes_FromStringAndSize(
                self._buffers + index * self._longest, self._incoming[index].msg_len
            )
            into.append(kind(data, flow, at))
        return 0

    def send(self, fileno: cython.int, queue: list, start: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Send the (data, address) pairs of the queue from `start` on: how many were taken, or minus the error number of the first.

        When it is fewer than there are, the reason is that of the next one: ask again, from there.
        """
        index: cython.int
        count: cython.int
        sent: cython.int
        total: cython.Py_ssize_t = len(queue)
        at: cython.Py_ssize_t = start
        if start < 0:
            raise ValueError("a queue begins at 0")
        while at < total:
            count = self._size if total - at > self._size else total - at
            for index in range(count):
                # The queue keeps both alive and nothing else runs meanwhile, so the kernel may be shown their own memory.
                pair: tuple = queue[at + index]
                data: bytes = pair[0]
                address: bytes = pair[1]
                if data is None or address is None:
                    raise TypeError("data and address are bytes")
                self._pieces[self._size + index].iov_base = PyBytes_AS_STRING(data)
                self._pieces[self._size + index].iov_len = PyBytes_GET_SIZE(data)
                self._outgoing[index].msg_hdr.msg_name = PyBytes_AS_STRING(address)
                self._outgoing[index].msg_hdr.msg_namelen = PyBytes_GET_SIZE(address)
            sent = sendmmsg(fileno, self._outgoing, count, MSG_DONTWAIT)
            if sent < 0:
                if errno == EINTR:
                    continue
                return at - start if at > start else -errno
            at += sent
            if sent < count:
                break
        return at - start
