/* SPDX-License-Identifier: MIT
 *
 * ICMP errors in words. Type 3 of ICMP and type 1 of ICMPv6 are "destination unreachable", 11 and 3 "time exceeded", 12 and
 * 4 "parameter problem". Linux gives up a connect() for all but "fragmentation needed" (tcp_v4_err, tcp_v6_err).
 */
#include "classify/icmp_word.h"

#include <stddef.h>

struct icmp_word {
    uint8_t family, type, code;
    const char *words;
};

static const struct icmp_word icmp_words[] = {
    {4, 3, 0, "network unreachable"},
    {4, 3, 1, "host unreachable"},
    {4, 3, 2, "protocol unreachable"},
    {4, 3, 3, "port unreachable"},
    {4, 3, 5, "source route failed"},
    {4, 3, 6, "network unknown"},
    {4, 3, 7, "host unknown"},
    {4, 3, 8, "source host isolated"},
    {4, 3, 9, "network administratively prohibited"},
    {4, 3, 10, "host administratively prohibited"},
    {4, 3, 11, "network unreachable for this service"},
    {4, 3, 12, "host unreachable for this service"},
    {4, 3, 13, "communication administratively prohibited"},
    {4, 3, 14, "precedence violation"},
    {4, 3, 15, "precedence cutoff"},
    {4, 11, 0, "time to live exceeded"},
    {4, 12, 0, "parameter problem"},
    {4, 12, 1, "parameter problem, an option is missing"},
    {4, 12, 2, "parameter problem, bad length"},
    {6, 1, 0, "no route to destination"},
    {6, 1, 1, "communication administratively prohibited"},
    {6, 1, 2, "beyond scope of source address"},
    {6, 1, 3, "address unreachable"},
    {6, 1, 4, "port unreachable"},
    {6, 1, 5, "source address failed policy"},
    {6, 1, 6, "reject route"},
    {6, 3, 0, "hop limit exceeded"},
    {6, 4, 0, "parameter problem, bad header field"},
    {6, 4, 1, "parameter problem, unknown next header"},
    {6, 4, 2, "parameter problem, unknown option"},
};

const char *tca_icmp_word(uint8_t family, const struct tca_mark *mark)
{
    for (unsigned at = 0; at < sizeof icmp_words / sizeof *icmp_words; at++) {
        const struct icmp_word *one = &icmp_words[at];
        if (one->family == family && one->type == mark->icmp_type && one->code == mark->icmp_code)
            return one->words;
    }
    return NULL;
}
