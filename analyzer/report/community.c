/* SPDX-License-Identifier: MIT
 *
 * Community ID: base64 of SHA-1 over seed, the smaller (address, port), the larger, protocol, zero, ports;
 * addresses in their own length, numbers big-endian.
 */
#include "report/community.h"

#include "base/sha1.h"

#include <string.h>

enum { PROTOCOL_TCP = 6 };

static size_t put_port(uint8_t *at, uint16_t port)
{
    at[0] = (uint8_t)(port >> 8);
    at[1] = (uint8_t)port;
    return 2;
}

static size_t put_address(uint8_t *at, const uint8_t addr[16], int family)
{
    size_t length = family == 4 ? 4 : 16;
    memcpy(at, addr + 16 - length, length);
    return length;
}

/* 28 characters. */
static void base64(const uint8_t digest[20], char *text)
{
    static const char letter[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int at = 0; at < 20; at += 3) {
        uint32_t three =
            (uint32_t)digest[at] << 16 | (uint32_t)digest[at + 1] << 8 | (at + 2 < 20 ? digest[at + 2] : 0);
        for (int shift = 18; shift >= 0; shift -= 6)
            *text++ = letter[three >> shift & 63];
    }
    text[-1] = '='; /* for the byte that three times seven is too much */
}

void tca_community_id(const struct tca_dossier *d, struct tca_anon *anon, uint16_t seed, struct tca_buf *buf)
{
    uint8_t bytes[2 + 2 * 16 + 2 + 4], digest[20];
    uint8_t addr[2][16];
    for (int role = 0; role < 2; role++)
        tca_anon_address(anon, d->addr[role], addr[role]);
    int order = memcmp(addr[0], addr[1], 16);
    int low = order ? order > 0 : d->port[0] > d->port[1];
    size_t used = put_port(bytes, seed);
    used += put_address(bytes + used, addr[low], d->family);
    used += put_address(bytes + used, addr[1 - low], d->family);
    bytes[used++] = PROTOCOL_TCP;
    bytes[used++] = 0;
    used += put_port(bytes + used, d->port[low]);
    used += put_port(bytes + used, d->port[1 - low]);
    tca_sha1(bytes, used, digest);
    char text[2 + 28] = {'1', ':'};
    base64(digest, text + 2);
    tca_buf_add(buf, text, sizeof text);
}
