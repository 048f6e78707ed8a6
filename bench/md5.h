/* MD5 (RFC 1321), so that the load generator needs no library for digest; md5_begin() comes first. */
#include <math.h>
#include <stdint.h>
#include <string.h>

static uint32_t sines[64];

static void md5_begin(void)
{
    for (int i = 0; i < 64; i++)
        sines[i] = (uint32_t)(long long)floor(fabs(sin(i + 1.0)) * 4294967296.0);
}

static void md5_block(uint32_t s[4], const unsigned char *p)
{
    static const unsigned char turn[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    uint32_t w[16], a = s[0], b = s[1], c = s[2], d = s[3];
    memcpy(w, p, 64);
    for (int i = 0; i < 64; i++) {
        uint32_t f, t;
        int g;
        switch (i >> 4) {
        case 0: f = (b & c) | (~b & d); g = i; break;
        case 1: f = (d & b) | (~d & c); g = (5 * i + 1) & 15; break;
        case 2: f = b ^ c ^ d; g = (3 * i + 5) & 15; break;
        default: f = c ^ (b | ~d); g = (7 * i) & 15; break;
        }
        t = a + f + sines[i] + w[g];
        int r = turn[i >> 4][i & 3];
        a = d, d = c, c = b, b += (t << r) | (t >> (32 - r));
    }
    s[0] += a, s[1] += b, s[2] += c, s[3] += d;
}

static void md5_hex(const char *text, size_t size, char *hex)
{
    uint32_t s[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    unsigned char tail[128] = {0};
    size_t at = 0;
    for (; at + 64 <= size; at += 64)
        md5_block(s, (const unsigned char *)text + at);
    size_t rest = size - at, whole = rest < 56 ? 64 : 128;
    memcpy(tail, text + at, rest);
    tail[rest] = 0x80;
    uint64_t bits = (uint64_t)size * 8;
    memcpy(tail + whole - 8, &bits, 8);
    for (size_t i = 0; i < whole; i += 64)
        md5_block(s, tail + i);
    for (int i = 0; i < 16; i++) {
        unsigned byte = ((unsigned char *)s)[i];
        hex[2 * i] = "0123456789abcdef"[byte >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[byte & 15];
    }
    hex[32] = 0;
}
