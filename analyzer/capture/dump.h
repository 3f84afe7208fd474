/* SPDX-License-Identifier: MIT
 *
 * The headers of a pcap file that is written. Only bytes are made here; where they go is the caller's.
 */
#ifndef TCA_CAPTURE_DUMP_H
#define TCA_CAPTURE_DUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "tcpautopsy/record.h"

enum { TCA_DUMP_FILE_HEADER = 24, TCA_DUMP_RECORD_HEADER = 16 };

/* The file header for records of one LINKTYPE_ value; times in nanoseconds, else in microseconds. */
void tca_dump_file_header(int link, bool nanoseconds, uint8_t ret_bytes[TCA_DUMP_FILE_HEADER]);
/* The header that stands before a record's bytes. False where its time is outside of what such a file can tell: before
 * 1970 or after 2106-02-07. */
bool tca_dump_record_header(const struct tca_record *record, bool nanoseconds,
                            uint8_t ret_bytes[TCA_DUMP_RECORD_HEADER]);

#endif
