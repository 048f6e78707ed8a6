# What mmsg.py takes from the C library; Python.h has asked for the GNU names already.
cdef extern from "<sys/socket.h>" nogil:
    ctypedef unsigned int socklen_t
    int MSG_DONTWAIT
    int MSG_TRUNC

    struct iovec:
        void* iov_base
        size_t iov_len

    struct sockaddr_storage:
        pass

    struct msghdr:
        void* msg_name
        socklen_t msg_namelen
        iovec* msg_iov
        size_t msg_iovlen
        int msg_flags

    struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len

    struct timespec:
        pass

    int recvmmsg(int, mmsghdr*, unsigned int, int, timespec*)
    int sendmmsg(int, mmsghdr*, unsigned int, int)
