/* SPDX-License-Identifier: MIT
 *
 * Conversations for the tests of other programs' views, one word for each segment:
 *
 *      >S <SA >A >PA:100 <A >FA <FA >A         > from the client, < from the server
 *
 * :N payload bytes, @N sequence number and ^N acknowledgment relative to the ISNs (default: what was sent next, all of
 * it received), *N the segment N times. Signs behind these: z zero window, b bad checksum, x payload not captured,
 * n a new ISN first. ~N: N milliseconds pass.
 */
#ifndef TCA_TESTS_PEER_SCRIPT_H
#define TCA_TESTS_PEER_SCRIPT_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "peer/peer.h"

#define PEER_EPOCH_NS (INT64_C(1700000000) * 1000000000)

/* How a conversation is run: results must not depend on which side the client is on, nor on its numbers. */
struct peer_frame {
    int client; /* key side */
    uint32_t isn[2];
};
static const struct peer_frame peer_frames[] = {
    {0, {1000, 5000}}, {1, {0xfffffff0u, 0xffffff9cu}}, {1, {0x7ffffff0u, 0xfffffffeu}}};

struct peer_run {
    struct tca_peer peer;
    struct tca_peers lined; /* the same behind a line */
    struct peer_frame frame;
    uint32_t isn[2], next[2]; /* by role; next is relative */
    uint16_t port[2];
    int64_t now_ns;
    uint64_t number;
    bool strict;
};

static void peer_begin(struct peer_run *run, const struct peer_frame *frame, uint16_t server_port)
{
    memset(run, 0, sizeof *run);
    run->frame = *frame;
    run->isn[0] = frame->isn[0];
    run->isn[1] = frame->isn[1];
    run->next[0] = run->next[1] = 1;
    run->port[0] = 40000;
    run->port[1] = server_port;
    run->now_ns = PEER_EPOCH_NS;
    run->strict = true;
}

static uint16_t peer_flags(const char **at)
{
    static const char letter[] = "FSRPAU";
    unsigned flags = 0;
    for (const char *found; **at && (found = strchr(letter, **at)); ++*at)
        flags |= 1u << (found - letter);
    return (uint16_t)flags;
}

static void peer_sign(struct tca_segment *seg, char sign)
{
    ck_assert_msg(strchr("zbx", sign) != NULL, "a sign: %c", sign);
    if (sign == 'z')
        seg->window = 0;
    if (sign == 'b')
        seg->checksum = TCA_CHECKSUM_BAD;
    if (sign == 'x')
        seg->captured = 0;
}

static void peer_word(struct peer_run *run, const char *word)
{
    const char *at = word;
    int from = *at++ == '<', times = 1;
    uint32_t len = 0;
    struct tca_segment seg = {.family = 4, .window = 500, .checksum = TCA_CHECKSUM_GOOD};
    seg.flags = peer_flags(&at);
    if (strchr(at, 'n')) {
        run->isn[from] += 1000000;
        run->next[from] = 0;
    }
    uint32_t seq = seg.flags & TCA_SYN ? 0 : run->next[from], ack = run->next[1 - from];
    while (*at && strchr(":@^*", *at)) {
        char key = *at++, *end;
        long value = strtol(at, &end, 10);
        if (key == ':')
            len = (uint32_t)value;
        else if (key == '@')
            seq = (uint32_t)value;
        else if (key == '^')
            ack = (uint32_t)value;
        else
            times = (int)value;
        at = end;
    }
    seg.len = seg.captured = len;
    seg.seq = run->isn[from] + seq;
    seg.ack = seg.flags & TCA_ACK ? run->isn[1 - from] + ack : 0;
    seg.sport = run->port[from];
    seg.dport = run->port[1 - from];
    for (; *at; at++)
        if (*at != 'n')
            peer_sign(&seg, *at);
    uint32_t behind = tca_segment_end(&seg) - run->isn[from];
    if ((int32_t)(behind - run->next[from]) > 0 && !(seg.flags & TCA_RST))
        run->next[from] = behind;
    while (times--) {
        seg.frame = ++run->number;
        seg.time_ns = run->now_ns += 1000000;
        int side = from == 0 ? run->frame.client : 1 - run->frame.client;
        tca_peer_step(&run->peer, &seg, side, run->strict);
        tca_peers_step(&run->lined, &seg, side, run->strict);
    }
}

static void peer_words(struct peer_run *run, const char *script)
{
    char text[512], *rest = NULL;
    ck_assert_uint_lt(strlen(script), sizeof text);
    strcpy(text, script);
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        if (*word == '~')
            run->now_ns += strtoll(word + 1, NULL, 10) * 1000000;
        else
            peer_word(run, word);
    }
    struct tca_peers settled;
    memcpy(&settled, &run->lined, sizeof settled);
    tca_peers_settle(&settled);
    ck_assert_msg(!memcmp(&settled.peer, &run->peer, sizeof run->peer), "%s: the line tells otherwise",
                  script);
}

#endif
