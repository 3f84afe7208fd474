/* SPDX-License-Identifier: MIT
 *
 * What a user names as input, as a list of files to read: files as they are, lists of names, directories.
 *
 *     tca_inputs_new(&inputs);
 *     tca_inputs_add(inputs, "incident.pcap", false, &error);     a file, or "-"
 *     tca_inputs_add(inputs, "@names.txt", false, &error);        the files named there, one on each line
 *     tca_inputs_add(inputs, "/var/captures", true, &error);      what captures there are below it
 *     for (size_t at = 0; at < tca_inputs_count(inputs); at++)
 *         tca_session_read_each(session, tca_inputs_at(inputs, at), told, user);
 *     tca_inputs_free(inputs);
 *
 * Files keep the order in which they were named; those of a directory come in the order of their names' bytes, folder by
 * folder. A file that is not there is in the list all the same: reading it tells. One that is named twice is there
 * twice, and once in a plan (plan.h).
 */
#ifndef TCPAUTOPSY_INPUTS_H
#define TCPAUTOPSY_INPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tcpautopsy/error.h>

struct tca_inputs;

int tca_inputs_new(struct tca_inputs **ret_inputs); /* 0 or TCA_EMEMORY */
void tca_inputs_free(struct tca_inputs *inputs);    /* accepts NULL */

/* Add what the name stands for. "@FILE" ("@-": standard input) lists names, one on each line, or separated by zero bytes as
 * `find -print0` writes them, 256 MiB at most; they are relative to the working directory, and none of them is a list itself. Where
 * there is a file of the name "@FILE", that is meant. walk: of a
 * directory all files below it whose first bytes are those of a capture, a compressed file or an archive, and those that are named
 * as captures are (.pcap, .pcapng, .cap), so that one that was damaged at its beginning is told; links to
 * directories are not followed; else a directory is added as it is, and reading it fails. 0, TCA_EMEMORY, or TCA_EINPUT where
 * a list or a directory cannot be read, with words in *error. */
int tca_inputs_add(struct tca_inputs *inputs, const char *name, bool walk, struct tca_error *error);

/* Nothing was unpacked so far: of compressed files out of directories those are passed over now that hold something else, such as
 * logs. Names that were told before are told no more, or elsewhere. 0 or TCA_EMEMORY. */
int tca_inputs_sift(struct tca_inputs *inputs);

size_t tca_inputs_count(const struct tca_inputs *inputs);
const char *tca_inputs_at(const struct tca_inputs *inputs, size_t at); /* borrowed */
/* Files of directories that were passed over, being something else; the first of them, borrowed, if there is one. */
uint64_t tca_inputs_passed_over(const struct tca_inputs *inputs, const char **ret_first);

#endif
