/* What the disk and the processor allow, with nothing of a broker around it. Prints one line of JSON.
 *
 *   bare_disk append FILE BATCHES BYTES   checksum each batch (the library of google_crc32c), then one writev of two parts
 *   bare_disk sync   FILE SECONDS BYTES   write a record, fdatasync, and again
 *   bare_disk files  FOLDER COUNT         make COUNT folders of three files each, as partitions in use are */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Of google's crc32c library, which the google-crc32c wheel carries. */
uint32_t crc32c_value(const uint8_t *data, size_t count);

enum { LIMIT_S = 300, PLACE = 16, CHECKED_FROM = 21 };

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	_exit(1);
}

static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int open_new(const char *name)
{
	int file = open(name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (file < 0)
		die(name);
	return file;
}

static int append(const char *name, long batches, size_t bytes)
{
	uint8_t *batch = malloc(bytes);
	for (size_t i = 0; i < bytes; i++)
		batch[i] = (uint8_t)('a' + i % 26);
	uint8_t place[PLACE] = {0};
	int file = open_new(name);
	uint32_t expected = crc32c_value(batch + CHECKED_FROM, bytes - CHECKED_FROM);
	double start = now_s();
	for (long i = 0; i < batches; i++) {
		if (crc32c_value(batch + CHECKED_FROM, bytes - CHECKED_FROM) != expected)
			die("checksum");
		struct iovec parts[2] = {{place, PLACE}, {batch + PLACE, bytes - PLACE}};
		if (writev(file, parts, 2) != (ssize_t)bytes)
			die(name);
	}
	printf("{\"seconds\": %.6f}\n", now_s() - start);
	return 0;
}

static int sync_each(const char *name, double seconds, size_t bytes)
{
	uint8_t *record = calloc(1, bytes);
	int file = open_new(name);
	long count = 0;
	double start = now_s(), now;
	do {
		if (write(file, record, bytes) != (ssize_t)bytes || fdatasync(file) != 0)
			die(name);
		count++;
	} while ((now = now_s()) - start < seconds);
	printf("{\"seconds\": %.6f, \"messages\": %ld}\n", now - start, count);
	return 0;
}

static int files(const char *folder, long count)
{
	static const char *const names[] = {"00000000000000000000.log", "partition.metadata", "leader-epoch-checkpoint"};
	char path[4096];
	double start = now_s();
	for (long i = 0; i < count; i++) {
		snprintf(path, sizeof path, "%s/bare-%ld", folder, i);
		if (mkdir(path, 0755) != 0)
			die(path);
		for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
			snprintf(path, sizeof path, "%s/bare-%ld/%s", folder, i, names[n]);
			int file = open_new(path);
			if (write(file, names[n], 10) != 10)
				die(path);
			close(file);
		}
	}
	printf("{\"seconds\": %.6f}\n", now_s() - start);
	return 0;
}

int main(int count, char **words)
{
	alarm(LIMIT_S);
	if (count == 5 && strcmp(words[1], "append") == 0)
		return append(words[2], atol(words[3]), (size_t)atol(words[4]));
	if (count == 5 && strcmp(words[1], "sync") == 0)
		return sync_each(words[2], atof(words[3]), (size_t)atol(words[4]));
	if (count == 4 && strcmp(words[1], "files") == 0)
		return files(words[2], atol(words[3]));
	errno = EINVAL;
	die("usage: see the first lines of bare_disk.c");
}
