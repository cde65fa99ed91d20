# Embeds services/X/schema/NNN_name.sql (in order) as a C array for db_migrate.h.
# awk -v service=X -f schema.awk FILES > build/schema/X.c
BEGIN {
	print "#include \"common/io/db_migrate.h\"\n"
	printf "extern const struct db_migration %s_migrations[];\n", service
	printf "extern const size_t %s_migration_count;\n\n", service
	printf "const struct db_migration %s_migrations[] = {\n", service
}
FNR == 1 {
	file = FILENAME
	sub(/.*\//, "", file)
	if (file !~ /^[0-9]+_[A-Za-z0-9_-]+\.sql$/) {
		print FILENAME ": the name is not NNN_name.sql" > "/dev/stderr"
		failed = 1
		exit 1
	}
	if (count++ > 0)
		print "    },"
	number = file
	sub(/_.*/, "", number)
	sub(/^[0-9]+_/, "", file)
	sub(/\.sql$/, "", file)
	printf "    {%d, \"%s\",\n", number + 0, file
}
{
	gsub(/\\/, "&&")
	gsub(/"/, "\\\"")
	printf "     \"%s\\n\"\n", $0
}
END {
	if (failed)
		exit 1
	print (count > 0 ? "    },\n};" : "    {0, 0, 0},\n};")
	printf "const size_t %s_migration_count = %d;\n", service, count
}
