/* One thread that carries a rank's vectors to disk while training goes on.
 *
 * The vectors are one stream of bytes. The thread takes a block of it at a time: copies it (the
 * only time it reads the vectors), sums it and writes the copy. When the vectors are about to
 * change, what it has not yet taken is copied into `kept`, and it goes on from there. So training
 * waits for one copy at memory speed at most, never for the disk, unless memory is short. */
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/hash.h"
#include "base/output.h"
#include "ckpt/asked.h"
#include "ckpt/folder.h"
#include "ckpt/part.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BLOCK_BYTES (4 * CKPT_SLICE_BYTES)
#define TOUCH_BYTES ((size_t)16 << 20)
#define NICE        10 /* training's threads meet at barriers: whoever holds one up holds up all */

enum state { IDLE, WRITING, WRITTEN };

struct memory {
    char *p;
    size_t bytes;
};

struct ckpt_writer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* of what is below, up to `done` */
    enum state state;
    bool quit;
    bool reading;   /* the thread is reading the vectors */
    uint64_t taken; /* bytes of the stream that it is done with reading */
    bool held;      /* the rest lies in `kept`, which begins at byte held_at of the stream */
    uint64_t held_at;
    struct ckpt_done done;
    struct err err;

    struct memory kept;
    size_t wanted, touched; /* bytes of `kept` that shall have, and have, their pages */
    char *block;
    struct asked asked; /* what is written; the thread's while it is */
};

static uint64_t stream_bytes(const struct ckpt_writer *writer)
{
    return writer->asked.header.vector_count * part_vector_bytes(&writer->asked.header);
}

/* Take the next bytes, at most a block and of one vector. */
static size_t take(struct ckpt_writer *writer, uint64_t at, size_t *vector, uint64_t *offset)
{
    uint64_t of_one = part_vector_bytes(&writer->asked.header);
    size_t len;
    bool held;

    *vector = (size_t)(at / of_one);
    *offset = at % of_one;
    len = of_one - *offset < BLOCK_BYTES ? (size_t)(of_one - *offset) : BLOCK_BYTES;
    (void)pthread_mutex_lock(&writer->lock);
    held = writer->held;
    writer->reading = !held;
    (void)pthread_mutex_unlock(&writer->lock);
    if (held)
        memcpy(writer->block, writer->kept.p + (at - writer->held_at), len);
    else
        memcpy(writer->block, (const char *)writer->asked.vectors[*vector] + *offset, len);
    (void)pthread_mutex_lock(&writer->lock);
    writer->reading = false;
    writer->taken = at + len;
    (void)pthread_cond_broadcast(&writer->changed);
    (void)pthread_mutex_unlock(&writer->lock);
    return len;
}

static bool given_up(struct ckpt_writer *writer)
{
    bool quit;

    (void)pthread_mutex_lock(&writer->lock);
    quit = writer->quit;
    (void)pthread_mutex_unlock(&writer->lock);
    return quit;
}

static int write_stream(struct ckpt_writer *writer, struct output *output, struct err *err)
{
    uint64_t total = stream_bytes(writer), at = 0, offset;
    uint32_t *crc = writer->asked.crc;
    size_t vector, len;
    int r = 0;

    for (; at < total && r == 0; at += len) {
        if (given_up(writer))
            return err_set(err, -ECANCELED, "%s: it was given up", output->path);
        len = take(writer, at, &vector, &offset);
        for (size_t done = 0; done < len; done += CKPT_SLICE_BYTES)
            *crc++ = crc32c(0, writer->block + done,
                            len - done < CKPT_SLICE_BYTES ? len - done : CKPT_SLICE_BYTES);
        r = output_put(output, writer->block, len, err);
    }
    return r;
}

static int write_table(struct ckpt_writer *writer, struct output *output, struct err *err)
{
    size_t bytes = (size_t)part_table_bytes(&writer->asked.header);
    uint8_t *table = malloc(bytes);
    int r;

    if (!table)
        return err_set(err, -ENOMEM, "%s: no memory for its checksums", output->path);
    part_table_put(&writer->asked.header, writer->asked.crc, table);
    r = output_put(output, table, bytes, err);
    free(table);
    return r;
}

static int write_part(struct ckpt_writer *writer, struct output *output, struct err *err)
{
    uint8_t header[PART_HEADER_BYTES];
    int r;

    part_header_put(&writer->asked.header, header);
    r = output_put(output, header, sizeof(header), err);
    if (r == 0)
        r = write_stream(writer, output, err);
    if (r == 0)
        r = write_table(writer, output, err);
    return r;
}

/* One file of the folder; `file` NULL: this rank's part. */
static int write_file(struct ckpt_writer *writer, const char *name, const struct ckpt_file *file,
                      struct ckpt_done *done, struct err *err)
{
    struct output output;
    uint64_t hash, bytes;
    char *path;
    int r;

    if (asprintf(&path, "%s/%s", writer->asked.folder, name) < 0)
        return err_set(err, -ENOMEM, "%s: no memory to write it", name);
    r = output_open(&output, path, true, err);
    free(path);
    if (r < 0)
        return r;
    r = file ? output_put(&output, file->bytes, file->len, err) : write_part(writer, &output, err);
    bytes = output.bytes;
    if (r < 0) {
        output_drop(&output);
        return r;
    }
    r = output_end(&output, &hash, err);
    if (r == 0) {
        (void)snprintf(done->file[done->files].name, sizeof(done->file[0].name), "%s", name);
        done->file[done->files].bytes = bytes;
        done->file[done->files++].hash = hash;
    }
    return r;
}

/* What was written of a save that failed would only fill the disk. */
static void remove_files(const struct ckpt_writer *writer, const struct ckpt_done *done)
{
    for (uint32_t i = 0; i < done->files; i++) {
        char *path;

        if (asprintf(&path, "%s/%s", writer->asked.folder, done->file[i].name) < 0)
            continue;
        (void)unlink(path);
        free(path);
    }
}

static void write_all(struct ckpt_writer *writer, struct ckpt_done *done, struct err *err)
{
    char name[64];
    int r = 0;

    *done = (struct ckpt_done){0};
    *err = (struct err){0};
    folder_part_name(name, sizeof(name), writer->asked.header.rank, writer->asked.header.ranks);
    if (mkdir(writer->asked.folder, 0755) < 0 && errno != EEXIST)
        r = err_set(err, -errno, "%s: cannot make it: %s", writer->asked.folder, strerror(errno));
    if (r == 0)
        r = write_file(writer, name, NULL, done, err);
    for (size_t i = 0; i < writer->asked.file_count && r == 0; i++)
        r = write_file(writer, writer->asked.files[i].name, &writer->asked.files[i], done, err);
    if (r == 0)
        r = folder_sync(writer->asked.folder, err);
    if (r < 0) {
        remove_files(writer, done);
        *done = (struct ckpt_done){.failed = r};
    }
}

/* Get the next pages of `kept`, without the lock, which is held before and after. That begin may
 * unmap them meanwhile does no harm: then there are none to get. */
static void touch_more(struct ckpt_writer *writer)
{
    size_t len = writer->wanted - writer->touched < TOUCH_BYTES ? writer->wanted - writer->touched
                                                                : TOUCH_BYTES;
    char *p = writer->kept.p + writer->touched;

    writer->touched += len;
    (void)pthread_mutex_unlock(&writer->lock);
    (void)madvise(p, len, MADV_POPULATE_WRITE); /* before Linux 5.14: they come when needed */
    (void)pthread_mutex_lock(&writer->lock);
}

static void *writer_main(void *arg)
{
    struct ckpt_writer *writer = arg;
    struct ckpt_done done;
    struct err err;

    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE); /* of this thread alone */
    (void)pthread_mutex_lock(&writer->lock);
    for (;;) {
        while (writer->state != WRITING && !writer->quit)
            if (writer->touched < writer->wanted)
                touch_more(writer);
            else
                (void)pthread_cond_wait(&writer->changed, &writer->lock);
        if (writer->state != WRITING)
            break;
        (void)pthread_mutex_unlock(&writer->lock);
        write_all(writer, &done, &err);
        (void)pthread_mutex_lock(&writer->lock);
        writer->done = done;
        writer->err = err;
        writer->state = WRITTEN;
        (void)pthread_cond_broadcast(&writer->changed);
    }
    (void)pthread_mutex_unlock(&writer->lock);
    return NULL;
}

int ckpt_writer_new(struct ckpt_writer **out, struct err *err)
{
    struct ckpt_writer *writer = calloc(1, sizeof(*writer));
    int r;

    if (!writer || !(writer->block = malloc(BLOCK_BYTES))) {
        free(writer);
        return err_set(err, -ENOMEM, "no memory for the writer of checkpoints");
    }
    (void)pthread_mutex_init(&writer->lock, NULL);
    (void)pthread_cond_init(&writer->changed, NULL);
    r = -pthread_create(&writer->thread, NULL, writer_main, writer);
    if (r < 0) {
        free(writer->block);
        free(writer);
        return err_set(err, r, "the writer of checkpoints: no thread: %s", strerror(-r));
    }
    *out = writer;
    return 0;
}

void ckpt_writer_free(struct ckpt_writer *writer)
{
    if (!writer)
        return;
    (void)pthread_mutex_lock(&writer->lock);
    writer->quit = true;
    (void)pthread_cond_broadcast(&writer->changed);
    (void)pthread_mutex_unlock(&writer->lock);
    (void)pthread_join(writer->thread, NULL);
    (void)pthread_cond_destroy(&writer->changed);
    (void)pthread_mutex_destroy(&writer->lock);
    asked_done(&writer->asked);
    if (writer->kept.p)
        (void)munmap(writer->kept.p, writer->kept.bytes);
    free(writer->block);
    free(writer);
}

/* Room for what may be left when the vectors change. Only addresses: pages come when they are
 * needed, and stay. Without it, hold waits for the disk. */
static void reserve(struct ckpt_writer *writer, size_t bytes)
{
    void *p;

    if (bytes <= writer->kept.bytes)
        return;
    if (writer->kept.p)
        (void)munmap(writer->kept.p, writer->kept.bytes);
    writer->kept = (struct memory){0};
    writer->wanted = writer->touched = 0;
    p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return;
    (void)madvise(p, bytes, MADV_HUGEPAGE);
    writer->kept = (struct memory){p, bytes};
}

void ckpt_writer_reserve(struct ckpt_writer *writer, size_t bytes)
{
    (void)pthread_mutex_lock(&writer->lock);
    if (writer->state == IDLE) {
        reserve(writer, bytes);
        if (writer->kept.bytes >= bytes)
            writer->wanted = bytes;
        (void)pthread_cond_broadcast(&writer->changed);
    }
    (void)pthread_mutex_unlock(&writer->lock);
}

int ckpt_writer_begin(struct ckpt_writer *writer, const struct ckpt_request *request,
                      struct err *err)
{
    uint64_t bytes;
    bool busy;
    int r;

    (void)pthread_mutex_lock(&writer->lock);
    busy = writer->state != IDLE;
    (void)pthread_mutex_unlock(&writer->lock);
    if (busy)
        return err_set(err, -EBUSY, "the checkpoint before is still being written");
    asked_done(&writer->asked);
    r = asked_init(&writer->asked, request, err);
    if (r < 0)
        return r;
    bytes = stream_bytes(writer);
    (void)pthread_mutex_lock(&writer->lock);
    reserve(writer, request->keep_max && request->keep_max < bytes ? request->keep_max : bytes);
    writer->taken = 0;
    writer->reading = writer->held = false;
    writer->state = WRITING;
    (void)pthread_cond_broadcast(&writer->changed);
    (void)pthread_mutex_unlock(&writer->lock);
    return 0;
}

/* The rest of the stream into `kept`; the thread is not reading. */
static void keep_rest(struct ckpt_writer *writer)
{
    uint64_t of_one = part_vector_bytes(&writer->asked.header), total = stream_bytes(writer), len;

    for (uint64_t at = writer->taken; at < total; at += len) {
        uint64_t offset = at % of_one;

        len = of_one - offset;
        memcpy(writer->kept.p + (at - writer->taken),
               (const char *)writer->asked.vectors[at / of_one] + offset, len);
    }
    writer->held_at = writer->taken;
    writer->held = true;
}

void ckpt_writer_hold(struct ckpt_writer *writer, uint64_t *stall_ns)
{
    int64_t begin = clock_now_ns();
    bool writing;

    (void)pthread_mutex_lock(&writer->lock);
    writing = writer->state == WRITING && !writer->held;
    while (writer->state == WRITING && !writer->held &&
           (writer->reading || stream_bytes(writer) - writer->taken > writer->kept.bytes))
        (void)pthread_cond_wait(&writer->changed, &writer->lock);
    if (writer->state == WRITING && !writer->held)
        keep_rest(writer);
    (void)pthread_mutex_unlock(&writer->lock);
    *stall_ns = writing ? (uint64_t)(clock_now_ns() - begin) : 0;
}

bool ckpt_writer_poll(struct ckpt_writer *writer, bool wait, struct ckpt_done *done,
                      struct err *err)
{
    bool ready;

    (void)pthread_mutex_lock(&writer->lock);
    while (wait && writer->state == WRITING)
        (void)pthread_cond_wait(&writer->changed, &writer->lock);
    ready = writer->state == WRITTEN;
    if (ready) {
        *done = writer->done;
        if (err)
            *err = writer->err;
        writer->state = IDLE;
    }
    (void)pthread_mutex_unlock(&writer->lock);
    return ready;
}
