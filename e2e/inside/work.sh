# The tools of a shell, as scripts use them. The first that fails ends the script; `bootstrap.sh` answers its last lines.
set -eu

cd /tmp
mkdir -p tools/deep
for n in 3 1 2; do echo "line $n" > "tools/deep/$n.txt"; done
[ "$(find tools -name '*.txt' | wc -l)" -eq 3 ]
[ "$(cat tools/deep/*.txt | sort -r | head -n 1)" = "line 3" ]
[ "$(grep -rl 'line 2' tools)" = tools/deep/2.txt ]
[ "$(sed -n 's/line //p' tools/deep/1.txt)" = 1 ]
[ "$(awk '{ n += $2 } END { print n }' tools/deep/*.txt)" = 6 ]
[ "$(find tools -type f -print0 | xargs -0 -n 1 basename | sort | tr '\n' ' ')" = "1.txt 2.txt 3.txt " ]
tar -czf tools.tgz tools
[ "$(tar -tzf tools.tgz | grep -c txt)" -eq 3 ]
mkdir -p again && tar -xzf tools.tgz -C again && diff -r tools again/tools
gzip -c tools/deep/1.txt | gunzip | cmp - tools/deep/1.txt
[ "$(printf 'a:b:c' | cut -d: -f2)" = b ]
[ "$(printf 'b\nb\na\n' | uniq -c | wc -l)" -eq 2 ]
[ "$(seq 5 | tail -n 2 | paste -sd+ -)" = 4+5 ]
[ "$(printf abc | sha256sum | cut -c1-8)" = ba7816bf ]
[ "$(printf abc | base64)" = YWJj ]
ln -s deep/1.txt tools/link && [ "$(readlink tools/link)" = deep/1.txt ]
cp -a tools copy && mv copy moved && rm -r moved && chmod 700 tools && touch -d '2026-01-01' tools/deep/1.txt
[ "$(TZ=Europe/Berlin date -d '2026-07-01 12:00 UTC' +%H)" = 14 ]
[ "$(stat -c %a tools)" = 700 ]
[ "$(id -un)" = sbx_user1051 ]
[ "$(uname -s)" = Linux ]
[ "$(dd if=/dev/zero bs=1k count=3 2>/dev/null | wc -c)" -eq 3072 ]
[ "$(timeout 5 sh -c 'sleep 0.01; echo in time')" = "in time" ]
df /tmp > /dev/null; du -s tools > /dev/null; ps > /dev/null 2>&1 || true
ls -l /proc/self/fd > /dev/null
curl --version | grep -q https
mktemp -d > /dev/null
sleep 60 & kill $!; wait $! || [ $? -eq 143 ]
trap 'heard=yes' USR1; kill -USR1 $$; [ "$heard" = yes ]
env -i LC_ALL=C.UTF-8 sh -c 'printf %s "größe"' | wc -c | grep -q 7
echo "every tool works"
