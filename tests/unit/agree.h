/* SPDX-License-Identifier: MIT
 *
 * What tests of readers against libpcap share: the captures there are, and numbers for files that are changed at random.
 */
#ifndef TEST_UNIT_AGREE_H
#define TEST_UNIT_AGREE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "oracle.h"
#include "suite.h"

/* Packets that both have read alike; 0 where the file is none that we read. */
static inline int agree_on(const char *name, size_t room)
{
    struct oracle told;

    if (!oracle_compare(name, room, &told))
        return 0;
    ck_assert_msg(!told.differ[0], "%s: %s", name, told.differ);
    return (int)told.packets;
}

typedef int agree_fn(const char *name, int number); /* returns packets compared */

/* Every case's capture: all must have been compared. */
static inline void agree_on_all_cases(agree_fn *compare)
{
    const char *captures = getenv("TCPAUTOPSY_CAPTURES");
    struct names families = {0};
    int packets = 0, files = 0;

    if (!captures)
        return;
    ck_assert(names_list(captures, &families));
    for (size_t i = 0; i < families.count; i++) {
        struct names cases = {0};
        char folder[500], name[1000];

        snprintf(folder, sizeof folder, "%s/%s", captures, families.name[i]);
        if (!names_list(folder, &cases))
            continue;
        for (size_t k = 0; k < cases.count; k++) {
            snprintf(name, sizeof name, "%s/%s/capture.pcap", folder, cases.name[k]);
            if (!file_exists(name))
                snprintf(name, sizeof name, "%s/%s/capture.pcapng", folder, cases.name[k]);
            if (file_exists(name))
                packets += compare(name, files++);
        }
        names_done(&cases);
    }
    names_done(&families);
    ck_assert_int_gt(files, 100);
    ck_assert_int_gt(packets, 10000);
}

/* Captures of other programs, where they lie beside this tree or TCPAUTOPSY_REAL names their folder. */
static inline void agree_on_all_real_captures(agree_fn *compare)
{
    const char *named = getenv("TCPAUTOPSY_REAL"), *captures = getenv("TCPAUTOPSY_CAPTURES");
    struct names files = {0};
    char folder[500], name[1000];

    snprintf(folder, sizeof folder, "%s%s",
             named      ? named
             : captures ? captures
                        : "",
             named ? "" : "/../../shared/captures/real");
    if (!names_list(folder, &files))
        return;
    for (size_t i = 0; i < files.count; i++) {
        snprintf(name, sizeof name, "%s/%s", folder, files.name[i]);
        if (strstr(name, ".pcap"))
            compare(name, (int)i);
    }
    names_done(&files);
}

/* xorshift64*: the same numbers everywhere. */
struct agree_random {
    uint64_t state;
};

static inline uint32_t random_below(struct agree_random *random, uint32_t limit)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return (uint32_t)(random->state * 0x2545f4914f6cdd1dull >> 33) % limit;
}

/* Values that sit on an edge somewhere. */
static inline uint32_t odd_number(struct agree_random *random)
{
    static const uint32_t odd[] = {
        0,          1,          2,          3,          4,          5,          6,          8,
        9,          11,         12,         14,         16,         20,         24,         28,
        32,         36,         40,         96,         97,         101,        113,        231,
        239,        0xff,       0xffff,     0x10009,    0x90001,    0x40000,    0x40001,    0x100000,
        0x1000000,  0x1000004,  0x7fffffff, 0x80000000, 0x0a0d0d0a, 0x1a2b3c4d, 0x4d3c2b1a, 0xa1b2c3d4,
        0xa1b23c4d, 0xd4c3b2a1, 0xffffffff};

    return odd[random_below(random, sizeof odd / sizeof *odd)];
}

#endif
