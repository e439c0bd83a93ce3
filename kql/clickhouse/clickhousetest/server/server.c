// Runs the ClickHouse library as a server: `server LIBRARY FOLDER ARGUMENT...` hands the arguments to it as to `clickhouse local`.
// The process ends when descriptor 3, a pipe that the test holds, closes; so it cannot outlive the test however that ends. It then removes FOLDER.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void *watch(void *folder) {
	char byte;
	while (read(3, &byte, 1) > 0) {
	}
	execl("/bin/rm", "rm", "-rf", "--", (char *)folder, (char *)NULL);
	_exit(0);
}

int main(int argc, char **argv) {
	if (argc < 3) return 2;
	signal(SIGPIPE, SIG_IGN); // a client that goes away ends its query only
	pthread_t watcher;
	if (pthread_create(&watcher, NULL, watch, argv[2]) != 0) return 2;
	void *library = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		return 2;
	}
	void *(*query)(int, char **) = (void *(*)(int, char **))dlsym(library, "chdb_query_cmdline");
	const char *(*error)(void *) = (const char *(*)(void *))dlsym(library, "chdb_result_error");
	if (!query || !error) {
		fprintf(stderr, "%s\n", dlerror());
		return 2;
	}
	argv[2] = "clickhouse";
	void *result = query(argc - 2, argv + 2);
	const char *why = result ? error(result) : "no result";
	if (why) fprintf(stderr, "%s\n", why);
	return why != NULL;
}
