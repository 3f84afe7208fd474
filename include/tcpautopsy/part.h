/* SPDX-License-Identifier: MIT
 *
 * Parts: what the first pass of a run made of some of its captures, as a file, so that another process, later or elsewhere,
 * can judge all of them together (docs/parts.md has the format).
 *
 *     reader K:  tca_session_open, ..._read_item ..., tca_session_save(session, "K.part", label, &error)
 *     merger:    tca_session_open, tca_session_load(session, paths of each item's parts, ...) ..., tca_session_finish, tables
 *
 * The tables of the merger are byte for byte those of a session that read everything itself, if its settings are the same and
 * items are loaded in the order of the plan.
 */
#ifndef TCPAUTOPSY_PART_H
#define TCPAUTOPSY_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tcpautopsy/error.h>
#include <tcpautopsy/session.h>

enum { TCA_PART_LABEL_MAX = 4096 };

/* What a part says of itself. */
struct tca_part_about {
    uint32_t share,
        shares; /* it holds connections of share `share` of `shares` (setting "shard"); 1, 1: all */
    uint64_t captures, packets, flows;  /* flows: of this part alone */
    bool interrupted;                   /* reading was stopped before the end */
    char label[TCA_PART_LABEL_MAX + 1]; /* as it was given when it was saved */
};

/* Write all that was read so far; the session may only be freed after that, and must not be finished. The file appears under
 * its name only when it is whole and on the disk. The label is the caller's, UTF-8, kept as it is. 0, TCA_EUSAGE (label too
 * long, a trace is kept, the session is finished), TCA_EMEMORY, TCA_EOUTPUT. */
int tca_session_save(struct tca_session *session, const char *path, const char *label,
                     struct tca_error *error);

/* 0, TCA_EINPUT (no part, damaged, cut short) or TCA_EUNSUPPORTED (of another version or another kind of machine). */
int tca_part_read_about(const char *path, struct tca_part_about *ret, struct tca_error *error);

/* Is all of it as it was written? The whole file is read. 0, TCA_EMEMORY, TCA_EINPUT or TCA_EUNSUPPORTED, as above. */
int tca_part_check(const char *path, struct tca_error *error);

/* Take in the captures of a part, or of all shares of the same captures (setting "shard"): `path` lists them in any order.
 * They are numbered behind those that the session has. 0, TCA_EINPUT (as above; or a share is missing, twice there, or not of
 * the same captures), TCA_EUNSUPPORTED, TCA_EMEMORY, TCA_EOUTPUT; after a failure the session may only be freed. */
int tca_session_load(struct tca_session *session, const char *const *path, size_t count,
                     struct tca_error *error);

#endif
