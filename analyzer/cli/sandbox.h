/* SPDX-License-Identifier: MIT
 *
 * A box around the process: what is not allowed before it is closed can never be read, written or run afterwards.
 *
 *     sandbox_open(&box);
 *     sandbox_allow(&box, "incident.pcap", SANDBOX_READ);
 *     sandbox_allow(&box, "out", SANDBOX_WRITE);          a folder: all below it
 *     in_force = sandbox_close(&box);                     before the first thread: only those started behind it are inside
 *
 * Best effort: a kernel that can do less closes less. What is open already stays usable.
 */
#ifndef TCA_CLI_SANDBOX_H
#define TCA_CLI_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

/* What may be done with a file, or with a folder and all that is below it. */
enum sandbox_use {
    SANDBOX_READ = 1,
    SANDBOX_WRITE = 2,     /* and, in a folder, make files, replace and remove them */
    SANDBOX_FOLDERS = 4,   /* make folders there and remove them */
    SANDBOX_GONE = 8,      /* remove folders in it that are empty */
    SANDBOX_NAMELESS = 16, /* read and write, in a folder make files without names */
    SANDBOX_NAMED = 32     /* make files there and remove them */
};

struct sandbox {
    int rules; /* Landlock's file descriptor; -1: this kernel has none */
    int level; /* of Landlock's interface; 0: none */
    int error; /* why there are no rules */
};

/* What a kernel can, and what is in force. */
struct sandbox_force {
    int landlock;   /* level of its interface; 0: files are not watched */
    int failed;     /* errno of why it is not in force though the kernel has it */
    unsigned calls; /* system calls that are refused; 0: none */
    bool no_new;    /* privileges */
};

void sandbox_open(struct sandbox *box);
/* What is not there cannot be allowed: opening it goes on to say so. */
void sandbox_allow(struct sandbox *box, const char *path, unsigned uses);
struct sandbox_force sandbox_close(struct sandbox *box);
/* Without closing anything. */
struct sandbox_force sandbox_possible(void);
/* What it keeps from, in words such as "files and TCP (Landlock 7), 60 system calls (seccomp), new privileges". */
void sandbox_words(const struct sandbox_force *force, char *text, size_t room);
/* Was this refused by no right but by the box? Of a file that could not be opened. */
bool sandbox_refuses(const char *path, bool writing);

#endif
