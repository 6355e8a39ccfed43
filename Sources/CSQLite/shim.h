#include <sqlite3.h>

// SQLITE_TRANSIENT is a cast Swift cannot import; sqlite3_db_config is variadic.
static inline int sqlite_bind_text_copied(sqlite3_stmt *s, int i, const char *text, int bytes) {
    return sqlite3_bind_text(s, i, text, bytes, SQLITE_TRANSIENT);
}
static inline int sqlite_bind_blob_copied(sqlite3_stmt *s, int i, const void *blob, int bytes) {
    return sqlite3_bind_blob(s, i, blob, bytes, SQLITE_TRANSIENT);
}
static inline int sqlite_config_int(sqlite3 *db, int option, int value) {
    return sqlite3_db_config(db, option, value, (int *)0);
}
