import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Enumeration;
import java.util.HexFormat;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipInputStream;

/** Reads the archives whose paths come on standard input, each by both of Java's readers, and says what it saw. */
public final class Readers {
    private static final PrintStream OUT = new PrintStream(System.out, false, StandardCharsets.UTF_8);

    public static void main(String[] arguments) throws IOException {
        BufferedReader paths = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String path = paths.readLine(); path != null; path = paths.readLine()) {
            OUT.println("archive " + path);
            positional(path);
            sequential(path);
        }
        OUT.flush();
    }

    private static void positional(String path) {
        try (ZipFile file = new ZipFile(new File(path))) {
            Enumeration<? extends ZipEntry> entries = file.entries();
            while (entries.hasMoreElements()) {
                ZipEntry entry = entries.nextElement();
                try (InputStream content = file.getInputStream(entry)) {
                    say("file", entry, content);
                }
            }
        } catch (Exception error) {
            OUT.println("file error " + String.valueOf(error).replace('\n', ' '));
        }
    }

    private static void sequential(String path) {
        try (ZipInputStream stream = new ZipInputStream(new java.io.FileInputStream(path))) {
            for (ZipEntry entry = stream.getNextEntry(); entry != null; entry = stream.getNextEntry()) {
                say("stream", entry, stream);
            }
        } catch (Exception error) {
            OUT.println("stream error " + String.valueOf(error).replace('\n', ' '));
        }
    }

    private static void say(String reader, ZipEntry entry, InputStream content) throws IOException {
        byte[] name = entry.getName().getBytes(StandardCharsets.UTF_8);
        CRC32 checksum = new CRC32();
        long size = 0;
        byte[] buffer = new byte[65536];
        for (int count = content.read(buffer); count > 0; count = content.read(buffer)) {
            checksum.update(buffer, 0, count);
            size += count;
        }
        OUT.println(reader + " entry " + HexFormat.of().formatHex(name) + " " + size + " " + checksum.getValue());
    }
}
