/* store/schema - the tables and views of firstlight.db, with a sentence each for whoever asks. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include <stddef.h>

/* In PRAGMA user_version. A table keeps its columns for ever; new ones may be added. */
#define SCHEMA_VERSION        2
#define SCHEMA_APPLICATION_ID 0x464c6731 /* "FLg1": whose file it is, in PRAGMA application_id */

struct schema_item {
    int since; /* the version that brought it; an older database is given it when it is opened */
    const char *name; /* of a table or view; NULL: an index, which needs no words */
    const char *what; /* one sentence */
    const char *sql;
};

extern const struct schema_item schema_items[];
extern const size_t schema_item_count;

#endif
