# Studyhall. `make help` lists the targets.
#
# One recipe per kind of file; everything is found by wildcard, so a new module, test or service
# needs no line here. FLAVOR selects how it is built: release (default), asan, tsan, fuzz.

FLAVOR ?= release
OUT := build/$(FLAVOR)
# `make V=1` shows the commands.
Q = $(if $(V),,@echo "  $@";)
SERVICES := $(notdir $(wildcard services/*))
PROGRAMS := gateway $(SERVICES)
# Programs that only tests use.
TEST_PROGRAMS := upstream openload

CC := $(if $(filter tsan fuzz,$(FLAVOR)),clang,gcc)
# Not there yet on a fresh machine, where `make run` begins by installing it.
PKG_CONFIG := $(if $(shell command -v pkg-config),pkg-config,true)
PKGS := libuv libprotobuf-c libmariadb hiredis libcurl jansson libsodium libutf8proc glib-2.0
# The engines of services/voice; not sphinxad, which would bring in a sound card's libraries.
VOICE_PKGS := espeak-ng pocketsphinx sphinxbase samplerate
PKG_CFLAGS := $(subst -I/,-isystem /,$(shell $(PKG_CONFIG) --cflags $(PKGS) $(VOICE_PKGS)))
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS)) -lnng
VOICE_LIBS := $(filter-out -lsphinxad,$(shell $(PKG_CONFIG) --libs $(VOICE_PKGS))) -lm

# Debian 12 ships llhttp as sources (node-llhttp), Debian 13 as a library (libllhttp-dev).
LLHTTP_SRC := $(wildcard /usr/share/llhttp/*.c)
ifeq ($(LLHTTP_SRC),)
PKG_LIBS += -lllhttp
else
PKG_CFLAGS += -isystem /usr/share/include/llhttp
endif

WARN := -Wall -Wextra -Werror -Wformat=2 -Wformat-security -Wshadow -Wstrict-prototypes \
        -Wmissing-prototypes -Wpointer-arith -Wvla -Wundef
HARDEN := -O2 -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection \
          -fcf-protection=full -ftrivial-auto-var-init=zero -fno-delete-null-pointer-checks \
          -fno-strict-overflow
FLAGS_release := $(HARDEN)
FLAGS_asan := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FLAGS_tsan := -O1 -fsanitize=thread -fno-omit-frame-pointer
FLAGS_fuzz := $(FLAGS_asan) -fsanitize=fuzzer-no-link
LDFLAGS_release := -pie -Wl,-z,relro,-z,now,-z,noexecstack
LDFLAGS_asan := -pie -fsanitize=address,undefined
LDFLAGS_tsan := -pie -fsanitize=thread
LDFLAGS_fuzz := $(LDFLAGS_asan) -fsanitize=fuzzer

BASE_CFLAGS := -std=gnu11 -g -fPIE -pthread -D_GNU_SOURCE -I. -Ibuild/proto $(PKG_CFLAGS) \
               $(FLAGS_$(FLAVOR))
CFLAGS := $(BASE_CFLAGS) $(WARN)
LDFLAGS := $(LDFLAGS_$(FLAVOR)) -pthread

COMMON_SRC := $(wildcard common/*/*.c proto/*_rules.c)
PROTO_SRC := $(patsubst proto/%.proto,build/proto/%.pb-c.c,$(wildcard proto/*.proto))
LIB_OBJ := $(COMMON_SRC:%.c=$(OUT)/%.o) $(PROTO_SRC:build/%.c=$(OUT)/%.o) \
           $(LLHTTP_SRC:/usr/share/llhttp/%.c=$(OUT)/llhttp/%.o)
BINS := $(PROGRAMS:%=$(OUT)/bin/%)
UNIT_BINS := $(patsubst tests/unit/%_test.c,$(OUT)/unit/%_test,$(wildcard tests/unit/*_test.c))
FUZZ_BINS := $(patsubst tests/fuzz/%_fuzz.c,build/fuzz/fuzz/%_fuzz,$(wildcard tests/fuzz/*_fuzz.c))

# Sources of one program: its folder and the folders directly inside it (providers/, engines/).
program_dir = $(or $(dir_of_$(1)),services/$(1))
dir_of_gateway := gateway
dir_of_upstream := tests/upstream
dir_of_openload := tests/bench/openload
program_src = $(wildcard $(call program_dir,$(1))/*.c $(call program_dir,$(1))/*/*.c)
program_lib_obj = $(patsubst %.c,$(OUT)/%.o,$(filter-out %/main.c,$(call program_src,$(1))))
extra_libs = $(if $(filter voice,$(1)),$(VOICE_LIBS)) $(if $(filter $(TEST_PROGRAMS),$(1)),-lm)

all: $(BINS) build/web ## build the five programs into build/release/bin
.PHONY: all
.DELETE_ON_ERROR:
.SECONDARY:

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16
.PHONY: help

# --- generated and compiled -----------------------------------------------------------------
# Debian 13's says with each file that its name is deprecated; Debian 12 has no other.
build/proto/%.pb-c.c build/proto/%.pb-c.h: proto/%.proto
	@mkdir -p build/proto
	$(Q)said=$$(protoc-c --proto_path=proto --c_out=build/proto $< 2>&1) || \
	    { echo "$$said" >&2; exit 1; }

PROTO_HDR := $(PROTO_SRC:.c=.h)

$(OUT)/%.o: %.c | $(PROTO_HDR)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

$(OUT)/proto/%.o: build/proto/%.c | $(PROTO_HDR)
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE_CFLAGS) -c $< -o $@

$(OUT)/llhttp/%.o: /usr/share/llhttp/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE_CFLAGS) -DLLHTTP_STRICT_MODE=1 -w -c $< -o $@

$(OUT)/libcommon.a: $(LIB_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^

# services/X/schema/NNN_name.sql become X_migrations[] (common/io/db_migrate.h) in libX.a.
define schema_rules
build/schema/$(1).c: common/io/schema.awk $(sort $(wildcard services/$(1)/schema/*.sql))
	@mkdir -p $$(@D)
	$$(Q)awk -v service=$(subst -,_,$(1)) -f $$^ </dev/null >$$@
endef
$(foreach s,$(SERVICES),$(eval $(call schema_rules,$(s))))

$(OUT)/schema/%.o: build/schema/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -c $< -o $@

define program_rules
$(OUT)/lib$(1).a: $(call program_lib_obj,$(1)) $(if $(filter $(1),$(SERVICES)),$(OUT)/schema/$(1).o)
	@rm -f $$@
	$$(Q)ar rcs $$@ $$^
$(OUT)/bin/$(1): $(OUT)/$(call program_dir,$(1))/main.o $(OUT)/lib$(1).a $(OUT)/libcommon.a
	@mkdir -p $$(@D)
	$$(Q)$(CC) $(LDFLAGS) -o $$@ $$^ $(PKG_LIBS) $(call extra_libs,$(1))
endef
$(foreach p,$(PROGRAMS) $(TEST_PROGRAMS),$(eval $(call program_rules,$(p))))

# The web app's files, with names that say their content.
build/web: gateway/web-build gateway/web $(wildcard gateway/web/*)
	$(Q)gateway/web-build gateway/web $@

# --- tests ----------------------------------------------------------------------------------
$(OUT)/unit/%_test: $(OUT)/tests/unit/%_test.o $(PROGRAMS:%=$(OUT)/lib%.a) $(OUT)/libcommon.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(PKG_LIBS) \
	    $(VOICE_LIBS) -lcmocka

# Unit tests of the test programs' parts; the others must not find their names.
$(OUT)/unit/latency_test $(OUT)/unit/ledger_test: $(OUT)/libupstream.a
$(OUT)/unit/histogram_test: $(OUT)/libopenload.a
# These start the stand-in for AI providers.
$(OUT)/unit/chat_call_test $(OUT)/unit/plan_ai_test: | $(OUT)/bin/upstream

# What a call between two actors costs, beside bare nng; what a password hash costs.
BENCH_PROGRAMS := rpc_bench password_bench
$(BENCH_PROGRAMS:%=$(OUT)/bin/%): $(OUT)/bin/%: $(OUT)/tests/bench/%.o $(PROGRAMS:%=$(OUT)/lib%.a) $(OUT)/libcommon.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(PKG_LIBS) \
	    $(VOICE_LIBS) -lcmocka

# Programs with one thing changed, whose worth the benchmark's T8 measures: what lies in
# tests/bench/variants/NAME/ stands in for the modules of common/ of the same names.
VARIANT_PROGRAMS := one_envelope/rpc_bench no_flight/history short_ttl/history no_pool/auth
define variant_rules
$(OUT)/variants/$(1)/%: $$(patsubst %.c,$(OUT)/%.o,$(wildcard tests/bench/variants/$(1)/*.c)) \
                        $(PROGRAMS:%=$(OUT)/lib%.a) $(OUT)/libcommon.a
	@mkdir -p $$(@D)
	$$(Q)$(CC) $(LDFLAGS) -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) \
	    -Wl,--end-group $(PKG_LIBS) $(VOICE_LIBS) -lcmocka
endef
$(foreach v,$(sort $(dir $(VARIANT_PROGRAMS))),$(eval $(call variant_rules,$(v:/=))))
$(OUT)/variants/one_envelope/rpc_bench: $(OUT)/tests/bench/rpc_bench.o
$(OUT)/variants/no_flight/history $(OUT)/variants/short_ttl/history: $(OUT)/services/history/main.o
$(OUT)/variants/no_pool/auth: $(OUT)/services/auth/main.o
variants: $(VARIANT_PROGRAMS:%=$(OUT)/variants/%)
bench-programs: $(TEST_PROGRAMS:%=$(OUT)/bin/%) $(BENCH_PROGRAMS:%=$(OUT)/bin/%) variants
.PHONY: variants bench-programs

unit: $(UNIT_BINS) ## build and run the unit tests of one FLAVOR
	tests/run-unit $(UNIT_BINS)
.PHONY: unit

$(OUT)/fuzz/%_fuzz: $(OUT)/tests/fuzz/%_fuzz.o $(PROGRAMS:%=$(OUT)/lib%.a) $(OUT)/libcommon.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(PKG_LIBS) \
	    $(VOICE_LIBS)

fuzz: ## build the fuzz targets (clang's libFuzzer) and run each; RUNS= says how often
	@$(MAKE) --no-print-directory FLAVOR=fuzz fuzz-programs
	tests/run-fuzz $(FUZZ_BINS)
.PHONY: fuzz

unit-programs: $(UNIT_BINS) $(TEST_PROGRAMS:%=$(OUT)/bin/%)
fuzz-programs: $(FUZZ_BINS)
protos: $(PROTO_HDR)
print-cflags:
	@echo '$(CFLAGS)'
.PHONY: unit-programs fuzz-programs protos print-cflags

# --- on this machine: the work is done by scripts --------------------------------------------
deps: ## install what is missing for building, running, testing and linting
	@deploy/local/install build run test full lint
run: ## install, build and start everything; prints the URL
	@deploy/local/run start
reload: ## new binaries and settings for what runs, one process at a time, without a failed request
	@deploy/local/run reload
stop: ## stop what `make run` started; the data stays in .run/
	@deploy/local/run stop
logs: ## follow all logs
	@deploy/local/run logs
demo: ## the main job as a new throw-away learner, against what `make run` started
	@deploy/local/demo
test: ## everything but the slow tests, and a part of it under ASan and UBSan
	@tests/run quick
test-full: ## everything: all of it under the sanitizers, TSan, valgrind, fuzzing, the slow tests
	@tests/run full
test-manifests: ## the Kubernetes manifests, by the API's schema and our policy; needs the npm registry
	@deploy/local/install test
	@/usr/bin/python3 -m pytest -q --color=no -m slow tests/integration/k00_manifests.py tests/integration/k06_mesh.py
lint: ## format, warnings, includes, SQL, shell; fails on any finding
	@tests/lint
format: ## rewrite the C files as .clang-format says
	@tests/lint --format
gdb-tasks: ## the green tasks of a process (PID=) or core (CORE= BIN=) with their stacks
	@gdb -q -batch -ex 'set pagination off' $(if $(PID),-p $(PID),$(BIN) $(CORE)) \
	    -x deploy/local/gdb-tasks.py
env-example: all ## write .env.example from what the programs say of their settings
	@deploy/local/env-example >.env.example.new && mv .env.example.new .env.example
new-service: ## write a service that builds and answers: make new-service NAME=quiz
	@deploy/local/new-service "$$NAME"
bench-smoke: all ## speed through the whole chain beside nginx, and memory, from one short run
	@/usr/bin/python3 tests/bench/smoke.py
BENCH = deploy/local/install build run bench && \
        $(MAKE) --no-print-directory all bench-programs && \
        /usr/bin/python3 tests/bench/bench.py
bench-quick: ## the paper's experiment beside Studyhall, short: below 4 minutes
	@$(BENCH) quick $(BENCH_OPTIONS)
bench: ## the paper's table 8 and what it costs: about half an hour
	@$(BENCH) usual $(BENCH_OPTIONS)
bench-all: ## every table; what was measured of this commit is not measured again
	@$(BENCH) all --resume $(BENCH_OPTIONS)
bench-check: ## fails when a ratio is worse than tests/bench/expected.json keeps, beyond its noise
	@$(BENCH:bench.py=check.py)
.PHONY: bench-quick bench bench-all bench-check
images: ## build the container images with podman, buildah or docker; prints their sizes
	@deploy/images/build $(IMAGES)
images-base: ## make the images' base out of Debian's packages, where no registry of images is reached
	@deploy/images/base
images-all: ## build those of the stores, of Nginx and of everything in one too
	@deploy/images/build each
test-images: images-all ## run the images by compose and everything in one: limits, main job, reload, backup
	/usr/bin/python3 -m pytest -q -s -p no:cacheprovider tests/deploy/images_test.py
.PHONY: images images-base images-all test-images
.PHONY: deps run reload stop logs demo test test-full test-manifests lint format gdb-tasks env-example new-service bench-smoke

clean: ## remove everything that was built
	rm -rf build
.PHONY: clean

-include $(shell find build -path build/tools -prune -o -name '*.d' -print 2>/dev/null)
