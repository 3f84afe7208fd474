/* SPDX-License-Identifier: MIT
 *
 * Started by root, the analysis goes on as somebody who may do less: who called sudo, or nobody.
 *
 *     privileges_begin(&who);
 *     privileges_try(&who, true);                     from here on asked with that user's rights
 *     privileges_read(&who, "incident.pcap");
 *     privileges_write(&who, "out");
 *     privileges_try(&who, false);
 *     privileges_lower(&who);                         before the first thread
 *
 * Results come first: where that user could not write them, root remains, and keeps of its powers those over files alone. Where he could
 * not read an input, he keeps the power to read, and the sandbox decides what.
 */
#ifndef TCA_CLI_PRIVILEGES_H
#define TCA_CLI_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct privileges {
    bool root; /* there is something to give up */
    bool sudo; /* the user below called it; else he is nobody */
    uid_t user;
    gid_t group;
    bool reads;      /* what only root may read is among the inputs */
    char stays[256]; /* a place for results that is not the user's: root remains */
    bool lowered;    /* is the user now */
};

void privileges_begin(struct privileges *who);
void privileges_try(const struct privileges *who, bool on);
/* Has to be readable; of a folder, what is in it. */
void privileges_read(struct privileges *who, const char *path);
/* A folder, a device or a pipe that has to be writable. `results`: what stays there; nobody is to own none of these. */
void privileges_write(struct privileges *who, const char *path, bool results);
/* What is there by this name will be replaced, which only its owner may everywhere; of a folder, all that is in it. */
void privileges_replace(struct privileges *who, const char *path);
void privileges_lower(struct privileges *who);
/* What became of root, such as "root went on as user 1000"; "" where there was none. */
void privileges_words(const struct privileges *who, char *text, size_t room);

#endif
