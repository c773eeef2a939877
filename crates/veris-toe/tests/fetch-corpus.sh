#!/bin/sh
# Fetches the documents of corpus.yaml with git into FOLDER/<owner>__<name>/<path>. They stay their authors': keep them
# out of the project. Then: VERIS_TOE_CORPUS=FOLDER cargo test -p veris-toe corpus
set -eu

folder=${1:?usage: fetch-corpus.sh FOLDER}
list=$(dirname "$0")/corpus.yaml
git_dir=$(mktemp -d)
trap 'rm -rf "$git_dir"' EXIT
git init --quiet --bare "$git_dir"

documents() {
    awk '
        $1 == "-" && $2 == "repository:" { repository = $3; clean = 0 }
        $1 == "commit:" { commit = $2 }
        $1 == "clean:" { clean = 1; next }
        $1 == "refused:" { clean = 0 }
        clean && NF == 2 { sub(/:$/, "", $1); print repository, commit, $1 }
        $1 == "-" && $2 == "path:" { print repository, commit, $3 }
    ' "$list"
}

fetched=
documents | while read -r repository commit path; do
    if [ "$fetched" != "$commit" ]; then
        echo "$repository at $commit" >&2
        git --git-dir="$git_dir" fetch --quiet --depth 1 "https://github.com/$repository" "$commit"
        fetched=$commit
    fi
    file=$folder/$(echo "$repository" | sed 's,/,__,')/$path
    mkdir -p "$(dirname "$file")"
    git --git-dir="$git_dir" show "$commit:$path" >"$file"
done
